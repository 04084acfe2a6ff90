/*
  Twenty rules of the sort that people share, in our own words: what servers, scripts and programs leave in stored values. They
  use what the language offers, so that another engine can be compared with `yara` itself. samples.tsv has values for each, base64:
  those that it must match and those that it must not, as yara 4.2.3 says.

  Written for this project, and under its licences (MIT OR Apache-2.0); none is taken from elsewhere.
*/

global private rule not_too_large : gate
{
    meta:
        description = "values past a megabyte are for other tools"
    condition:
        filesize < 1MB
}

private rule begins_as_script
{
    strings:
        $sh = "#!/bin/"
        $env = "#!/usr/bin/env "
    condition:
        $sh at 0 or $env at 0
}

private rule fetches_over_http
{
    strings:
        $tool = /\b(curl|wget|fetch)\b[^\n]{0,80}https?:\/\// nocase
    condition:
        $tool
}

rule php_request_to_eval : webshell php
{
    meta:
        description = "PHP that runs what a request brings"
        severity = 80
        defanged = true
    strings:
        $open = "<?php" nocase
        $run1 = /\b(eval|assert|system|passthru)\s*\(/ nocase
        $run2 = "shell_exec" fullword
        $in1 = "$_POST"
        $in2 = "$_REQUEST"
        $in3 = "$_GET"
    condition:
        $open and any of ($run*) and any of ($in*)
}

rule php_layers_of_decoding : webshell php
{
    meta:
        description = "decoders in decoders"
    strings:
        $a = "base64_decode(" nocase
        $b = "gzinflate(" nocase
        $c = "str_rot13(" nocase
        $d = "strrev(" nocase
    condition:
        3 of them or #a > 3
}

rule jsp_process : webshell jsp
{
    strings:
        $tag = "<%"
        $run = /(Runtime\s*\.\s*getRuntime|new\s+ProcessBuilder)\s*\(/
        $param = "getParameter" fullword
    condition:
        @tag < 100 and $run and $param
}

rule aspx_request_eval : webshell aspx
{
    strings:
        $page = "<%@ page" nocase
        $lang = /language\s*=\s*"?(jscript|c#)/ nocase
        $eval = /eval\s*\(\s*Request/ nocase wide ascii
    condition:
        all of them
}

rule cron_line_that_downloads : persistence cron
{
    meta:
        technique = "T1053.003"
    strings:
        $five = /(^|\n)[ \t]*([0-9*\/,-]{1,12}[ \t]+){5}/
        $at = /(^|\n)@(reboot|hourly|daily)[ \t]/
    condition:
        fetches_over_http and ($five or $at)
}

rule authorized_key_padded : persistence ssh
{
    strings:
        $key = /\n(ssh-rsa|ssh-ed25519) AAAA[A-Za-z0-9+\/]{20,}/
        $feeds = { 0A 0A }
    condition:
        $key and #feeds >= 2 and @feeds[1] == 0
}

rule systemd_unit_from_tmp : persistence
{
    strings:
        $unit = "[Service]"
        $exec = /ExecStart=\/(tmp|dev\/shm|var\/tmp)\/[^\n]{1,60}/
    condition:
        $unit and $exec and @unit < @exec
}

rule miner_settings : miner
{
    meta:
        description = "settings of a program that mines"
    strings:
        $pool = /stratum\+(tcp|ssl):\/\/[a-z0-9.-]{4,80}:[0-9]{2,5}/
        $donate = "donate-level" nocase
        $algo1 = "randomx" nocase fullword
        $algo2 = "cryptonight" nocase
        $wallet = /\b4[0-9AB][1-9A-HJ-NP-Za-km-z]{93}\b/
    condition:
        2 of them
}

rule miner_names_many : miner
{
    strings:
        $n1 = "xmrig" nocase wide ascii
        $n2 = "kdevtmpfsi"
        $n3 = "kinsing" fullword
    condition:
        #n1 > 3 or ($n2 and $n3)
}

rule elf_head : binary linux
{
    meta:
        description = "the head of a program of Linux"
    strings:
        $magic = { 7F 45 4C 46 ( 01 | 02 ) ( 01 | 02 ) 01 }
    condition:
        $magic at 0 and filesize >= 52
}

rule pe_head : binary windows
{
    strings:
        $dos = "This program cannot be run in DOS mode"
    condition:
        uint16(0) == 0x5a4d and uint32(0x3c) < filesize and (uint32(uint32(0x3c)) == 0x00004550 or $dos)
}

rule upx_sections : packed binary
{
    strings:
        $s0 = "UPX0" ascii
        $s1 = "UPX1" ascii
        $tag = { 55 50 58 21 [4-16] 55 50 58 }
    condition:
        ($s0 and $s1) or $tag
}

rule java_stream_with_gadget : gadget java
{
    meta:
        description = "a stream of Java objects that names a transformer"
    strings:
        $magic = { AC ED 00 05 7? [1-40] 00 ?? }
        $c1 = "collections.functors"
        $c2 = "TemplatesImpl" fullword
        $c3 = "BadAttributeValueExpException"
    condition:
        $magic at 0 and 1 of ($c*)
}

rule pickle_calls_system : gadget python
{
    strings:
        $proto = { 80 (02 | 03 | 04 | 05) }
        $g1 = { 63 ( 6F 73 | 70 6F 73 69 78 | 6E 74 ) 0A 73 79 73 74 65 6D 0A }
        $g2 = { 8C ( 02 6F 73 | 05 70 6F 73 69 78 ) 94 8C 06 73 79 73 74 65 6D }
    condition:
        ($proto at 0 and $g2) or $g1
}

rule php_object_of_pop_chain : gadget php
{
    strings:
        $obj = /[OC]:\+?[0-9]{1,4}:"[A-Za-z_\\]{3,80}"/
        $class1 = "PendingBroadcast"
        $class2 = "FileCookieJar"
        $class3 = "SyslogUdpHandler"
        $call = /s:[0-9]{1,2}:"(system|exec|passthru|phpinfo)"/
    condition:
        #obj > 1 and any of ($class*) and $call
}

rule lua_leaves_the_sandbox : lua redis
{
    meta:
        cve = "CVE-2022-0543"
    strings:
        $load = /package\s*\.\s*loadlib\s*\(/
        $open1 = "luaopen_io"
        $open2 = "luaopen_os"
        $popen = /io\s*\.\s*popen/
    condition:
        $load and for any of ($open*, $popen) : ( $ )
}

rule lua_heaps_strings : lua redis
{
    strings:
        $rep = "string.rep("
        $gc = "collectgarbage"
        $ls = /load(string)?\s*\(/
    condition:
        for any i in (1..#rep) : ( @rep[i] < 2000 ) and $gc and $ls
}

rule reverse_shell_words : shell
{
    strings:
        $tcp = /\/dev\/(tcp|udp)\/[0-9A-Za-z.-]{3,60}\/[0-9]{1,5}/
        $sh = /\b(ba)?sh -i\b/
        $fifo = "mkfifo /tmp/"
        $nc = /\bnc(\.traditional)? +-e\b/
    condition:
        ($tcp and $sh) or ($fifo and $nc) or (#tcp >= 2)
}

rule script_of_many_stages : dropper
{
    strings:
        $s1 = "chmod +x"
        $s2 = "nohup" fullword
        $s3 = "history -c"
        $s4 = "pkill" fullword
        $s5 = "crontab -r" nocase
    condition:
        begins_as_script and 3 of ($s*) and filesize < 20KB
}

rule ransom_note_words : ransom
{
    strings:
        $what = /your (data|database|files) (has|have|is|are)( been)? (encrypted|deleted|backed up)/ nocase
        $pay = /[0-9.]{1,6} ?(btc|bitcoin|xmr)\b/ nocase wide ascii
        $mail = /[a-z0-9._-]{2,40}@[a-z0-9.-]{2,40}\.(test|invalid|onion)/ nocase
    condition:
        $what and ($pay or $mail) and not begins_as_script
}
