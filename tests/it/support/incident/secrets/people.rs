//! Personal data.

use super::{Kind, kind};

pub(super) const KINDS: &[Kind] = &[
    kind(
        "RD-PII-EMAIL",
        &[],
        &[
            "«!mail»",
            "{\"email\":\"«!mail»\",\"name\":\"«first»\"}",
            "From: «first» <«!mail»>\r\nSubject: «words:2»",
            "to=«!mail»&ok=1",
        ],
        &["«first»@", "@«word»", "git@«word»:a/b", "«word»@2x.png", "user at example dot com"],
    ),
    kind(
        "RD-PII-CARD",
        &[],
        &[
            "{\"card_number\":\"«!card»\",\"exp\":\"12/27\"}",
            "card «!cardspaced» exp 01/28",
            "pan=«!card»&cvv=123",
            "credit card: «!card»",
        ],
        &["card «misread:card»", "order «digits:12»", "card 4444444444444444", "ts=1760000000000", "card ending 4242"],
    ),
    kind(
        "RD-PII-IBAN",
        &[],
        &["«!iban»", "{\"iban\":\"«!iban»\",\"bic\":\"XXXXDEFF\"}", "pay to «!ibanspaced» by Friday"],
        &["«misread:iban»", "DE00«digits:18»", "«short:iban»", "XX12«digits:18»", "IBAN: DE.. ...."],
    ),
    kind(
        "RD-PII-PHONE",
        &[],
        &[
            "{\"phone\":\"«!phone»\"}",
            "tel: «!phone»",
            "mobile=«!phone»",
            "{\"name\":\"«first»\",\"phone_number\":\"«!phone»\"}",
        ],
        &["{\"phone\":\"\"}", "phone: +1", "delta +«digits:3»", "{\"phone\":\"n/a\"}", "offset +0200"],
    ),
    kind(
        "RD-PII-SSN",
        &[],
        &["{\"ssn\":\"«!ssn»\"}", "SSN: «!ssn»", "social security number «!ssn»"],
        &["ssn: 000-12-3456", "ssn: 666-12-3456", "ssn 123-00-4567", "part 12-345-6789", "{\"ssn\":\"***-**-1234\"}"],
    ),
    kind(
        "RD-PII-IP",
        &[],
        &["{\"client_ip\":\"«!ip»\"}", "«!ip» - - [10/Oct/2025:13:55:36 +0000] \"GET / HTTP/1.1\" 200", "ip=«!ip»"],
        &["127.0.0.1", "version 1.2.3.4567", "10.0.0.1.5", "0.0.0.0", "999.1.2.3"],
    ),
];
