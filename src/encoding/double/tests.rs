use proptest::prelude::*;

use super::*;

fn print(score: f64) -> String {
    let mut out = Vec::new();
    write_score(score, &mut out);
    String::from_utf8(out).unwrap()
}

/// What was stored and what ZSCORE then printed.
#[test]
fn prints_as_servers_do() {
    let measured = [
        ("0", "0"),
        ("-0", "-0"),
        ("1", "1"),
        ("-1", "-1"),
        ("1e8", "100000000"),
        ("1e18", "1000000000000000000"),
        ("4611686018427387904", "4611686018427387904"),
        ("4.7e18", "4.7e+18"),
        ("9223372036854775807", "9223372036854776000"),
        ("1e19", "1e+19"),
        ("123456789012345678901", "123456789012345680000"),
        ("1e21", "1e+21"),
        ("1.5e21", "1.5e+21"),
        ("12345678901234567890e3", "12345678901234568000000"),
        ("0.1", "0.1"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("1.5e-5", "0.000015"),
        ("1.5e-6", "1.5e-6"),
        ("123456.789", "123456.789"),
        ("1702000000.123456", "1702000000.123456"),
        ("123456789.123456789", "1.2345678912345679e+8"),
        ("1e-300", "1e-300"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("5e-324", "5e-324"),
        ("inf", "inf"),
        ("-inf", "-inf"),
        ("-2.5", "-2.5"),
        ("0x10", "16"),
        ("1234.00001", "1234.00001"),
        ("12345.678901234567", "1.2345678901234567e+4"),
        ("0.00012345678901234", "1.2345678901234e-4"),
        ("12.345678901234567", "12.345678901234567"),
        ("nan", "nan"),
    ];
    for (stored, printed) in measured {
        assert_eq!(print(parse_ascii(stored.as_bytes()).unwrap()), printed, "{stored}");
    }
}

#[test]
fn reads_as_strtod_does() {
    let reads = [
        ("17", 17.0),
        ("+1.5", 1.5),
        (" \t\x0b2", 2.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1E3", 1000.0),
        ("1e400", f64::INFINITY),
        ("-INFINITY", f64::NEG_INFINITY),
        ("3.1500000000000001", 3.15),
        ("0x1p3", 8.0),
        ("-0X.8", -0.5),
        ("0x1.8p-1", 0.75),
        ("0x1p-1074", 5e-324),
        ("0x1p-1075", 0.0),
        ("0x1.1p-1075", 5e-324),
        ("0x1p1024", f64::INFINITY),
        ("0x1.fffffffffffff8p0", 2.0),
        ("0x1.fffffffffffff7p0", 1.999_999_999_999_999_8),
        ("0x0p99999999999", 0.0),
        ("0x10000000000000000000000001", 1_267_650_600_228_229_401_496_703_205_376.0),
        ("0x1.fffffffffffffp1023", f64::MAX),
        ("0x20000000000001p0", 9_007_199_254_740_992.0),
        ("0x20000000000003p0", 9_007_199_254_740_996.0),
    ];
    for (text, value) in reads {
        assert_eq!(parse_ascii(text.as_bytes()).unwrap().to_bits(), value.to_bits(), "{text}");
    }
    for text in ["nan", "-NaN", "nan(0x7_f)"] {
        assert!(parse_ascii(text.as_bytes()).unwrap().is_nan());
    }
    let long = "1".repeat(253);
    for text in [
        "", " ", "1 ", "1e", "0x", "0x.", "0xp1", "0x1p", "0x1p-", "1,5", "1_0", "nan(", "nan(-)", "in", "\u{ff}",
        "--1", &long,
    ] {
        assert_eq!(parse_ascii(text.as_bytes()).unwrap_err().kind().0, "double", "{text}");
    }
    assert!(parse_ascii(b"\xFF\x00").is_err());
    assert!(parse_ascii("9".repeat(252).as_bytes()).is_ok());
    assert!(parse_ascii(format!("0x{}", "f".repeat(250)).as_bytes()).is_ok());
    assert!(parse_ascii(format!("0x{}.{}1", "0".repeat(100), "0".repeat(100)).as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(bits: u64) {
        let score = f64::from_bits(bits);
        let back = parse_ascii(print(score).as_bytes()).unwrap();
        prop_assert!(back.to_bits() == bits || (back.is_nan() && score.is_nan()));
    }

    #[test]
    fn plain_scores_read_back(whole in -1_000_000_i32..1_000_000, parts in 0_u32..10_000) {
        let score = f64::from(whole) + f64::from(parts) / 10_000.0;
        prop_assert_eq!(parse_ascii(print(score).as_bytes()).unwrap().to_bits(), score.to_bits());
    }

    #[test]
    fn any_text(text in "[-+0-9a-fxXpP.eEnif() ]{0,30}") {
        let _ = parse_ascii(text.as_bytes());
    }

    #[test]
    fn hexadecimal_of_any_number(bits: u64) {
        // Sign, exponent and fraction written out as C's %a does.
        let (negative, power, fraction) = (bits >> 63 == 1, (bits >> 52) & 0x7FF, bits & ((1 << 52) - 1));
        prop_assume!(power != 0x7FF);
        let (lead, power) = if power == 0 { (0, -1022) } else { (1, i64::try_from(power).unwrap() - 1023) };
        let text = format!("{}0x{lead}.{fraction:013x}p{power:+}", if negative { "-" } else { "" });
        prop_assert_eq!(parse_ascii(text.as_bytes()).unwrap().to_bits(), bits);
    }
}
