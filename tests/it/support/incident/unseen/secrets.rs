//! Secrets and personal data, and what only looks like them.

use super::super::planter::{How, Table};

pub(super) const TABLES: &[Table] = &[
    Table {
        rule: "RD-SEC",
        severity: "high",
        how: How::Any,
        also: &["RD-PII", "RD-ENT", "RD-MINE-002"],
        hits: &[
            "[profile ops]\naws_access_key_id = «!awsid»\nregion = eu-north-1\n",
            "export GH=«!github:ghs»",
            "-----BEGIN OPENSSH PRIVATE KEY-----\n«pembody:12»\n-----END OPENSSH PRIVATE KEY-----\n",
            "-----BEGIN EC PRIVATE KEY-----\n«pembody:3»\n-----END EC PRIVATE KEY-----\n",
            "slack:\n  bot: «!slackbot»\n",
            "STRIPE=«!stripe»;CURRENCY=sek",
            "Authorization: Bearer «!jwt:ES256»",
            "jdbc.url=postgresql://shop:«!password»@db7.brightwell.test:5432/shop",
            "DefaultEndpointsProtocol=https;AccountName=brightwell;AccountKey=«!azurekey»;EndpointSuffix=core.windows.net",
            "APP_KEY=base64:«!laravel»",
            "{\"user\":\"«user»\",\"pw\":\"«bcrypt»\"}",
            "«user»:«sha512crypt»:19800:0:99999:7:::",
            "ai.key=«!anthropic»",
            "pip config: password = «!pypi»",
            "mail.sendgrid=«!sendgrid»",
            "tok «!githubpat» end",
        ],
        misses: &[
            "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
            "aws_access_key_id = ${AWS_ACCESS_KEY_ID}",
            "ghp_ is the prefix of personal tokens, ghs_ that of servers",
            "-----BEGIN PUBLIC KEY-----\n«pembody:3»\n-----END PUBLIC KEY-----\n",
            "postgresql://db7.brightwell.test:5432/shop",
            "redis://cache.brightwell.test:6379/2",
            "token «misread:github»",
            "eyJ is how a token begins",
            "sha256:«hex:64»",
            "$2y is a prefix; $2y$10$tooshort is no hash",
            "commit «hex:40» by «first»",
            "id=«uuid»",
        ],
    },
    Table {
        rule: "RD-PII",
        severity: "medium",
        how: How::Any,
        also: &["RD-SEC", "RD-ENT"],
        hits: &[
            "{\"card_number\":\"«!card»\",\"exp\":\"11/29\"}",
            "credit card: «!cardspaced»",
            "<iban>«!iban»</iban>",
            "IBAN «!ibanspaced», reference «digits:6»",
            "card=«!card»&holder=«first»",
        ],
        misses: &[
            "order 1234567890123456 shipped",
            "iban: «misread:iban»",
            "card_number: «misread:card»",
            "card=****1111",
            "timestamp 1763000000000",
        ],
    },
];
