//! Secrets and personal data of other shapes and in other company.

use super::super::planter::{How, Table};

const ANY: &[&str] = &["RD-SEC", "RD-ENT", "RD-PII", "RD-KEY", "RD-SSH"];

const fn secret(hits: &'static [&'static str], misses: &'static [&'static str]) -> Table {
    Table { rule: "RD-SEC", severity: "high", how: How::Any, also: ANY, hits, misses }
}

const fn person(rule: &'static str, hits: &'static [&'static str], misses: &'static [&'static str]) -> Table {
    Table { rule, severity: "medium", how: How::Any, also: ANY, hits, misses }
}

pub(super) const TABLES: &[Table] = &[
    // Keys of clouds.
    secret(
        &[
            "s3.access=«!awsid»;s3.region=eu-north-1",
            "credential_process output: {\"Version\":1,\"AccessKeyId\":\"«!awsid»\",\"Expiration\":null}",
            "https://bucket.s3.test/f?X-Amz-Credential=«!awstemp»%2F20251101%2Feu-west-3%2Fs3%2Faws4_request",
            "<AccessKeyId>«!awsid»</AccessKeyId>",
        ],
        &["AKIAIOSFODNN7EXAMPLE", "AKIA in the word AKIAK", "s3.access=AKIA_YOUR_KEY_HERE_XX", "akiaabcdefghijklmnop"],
    ),
    secret(
        &[
            "aws_secret_access_key: «!awssecret»",
            "{\"AWS_SECRET_ACCESS_KEY\":\"«!awssecret»\",\"AWS_REGION\":\"ap-south-1\"}",
            "export AWS_SECRET_ACCESS_KEY='«!awssecret»'",
            "<SecretAccessKey>«!awssecret»</SecretAccessKey><Owner>aws</Owner>",
        ],
        &[
            "aws_secret_access_key: ${AWS_SECRET}",
            "git tree «hex:40»",
            "aws_secret_access_key=****************************************",
            "aws secret rotation took 40 seconds",
        ],
    ),
    secret(
        &[
            "{\"type\":\"service_account\",\"project_id\":\"p-«digits:5»\",\"private_key_id\":\"«hex:40»\",\"private_key\":\"-----BEGIN PRI·VATE KEY-----\\n«!pemline:12»\\n-----END PRI·VATE KEY-----\\n\",\"client_email\":\"bot@p.iam.test\"}",
            "-----BEGIN RSA PRI·VATE KEY-----\n«!pembody:13»\n-----END RSA PRI·VATE KEY-----",
            "tls.key: |\n-----BEGIN EC PRI·VATE KEY-----\n«!pembody:3»\n-----END EC PRI·VATE KEY-----\n",
            "deploy=-----BEGIN OPENSSH PRI·VATE KEY-----\n«!pembody:6»\n-----END OPENSSH PRI·VATE KEY-----",
        ],
        &[
            "-----BEGIN PUBLIC KEY-----\n«pembody:4»\n-----END PUBLIC KEY-----",
            "-----BEGIN CERTIFICATE-----\n«pembody:6»\n-----END CERTIFICATE-----",
            "paste between -----BEGIN PRI·VATE KEY----- and -----END PRI·VATE KEY-----",
            "{\"type\":\"service_account\",\"private_key\":\"<redacted>\"}",
        ],
    ),
    secret(
        &[
            "DefaultEndpointsProtocol=https;AccountName=media;Account·Key=«!azurekey»;EndpointSuffix=core.example.com",
            "{\"conn\":\"AccountName=logs;Account·Key=«!azurekey»\"}",
            "STORAGE=\"Account·Key=«!azurekey»\"",
            "BlobEndpoint=http://127.0.0.1:10000/dev;Account·Key=«!azurekey»;",
        ],
        &["AccountKey=<your key>", "AccountKey={{ key }}", "AccountKey=abc", "AccountName=media;EndpointSuffix=x"],
    ),
    // Tokens of services.
    secret(
        &[
            "git clone https://x-access-token:«!github:ghs»@git.example.com/team/app",
            "GH_TOKEN=«!github:ghp»",
            "{\"provider\":\"github\",\"access\":\"«!github:gho»\",\"scope\":\"repo\"}",
            "token «!githubpat»",
        ],
        &["ghp_short", "«short:github»", "gho_«repeat:x»", "github_pattern_match"],
    ),
    secret(
        &[
            "SLACK_BOT=«!slackbot»",
            "{\"ok\":true,\"access_token\":\"«!slackuser»\"}",
            "notify -> «!slackhook»",
            "bot.token «!slackbot» # ops channel",
        ],
        &["xoxb-your-token", "https://hooks.slack.com/services/", "xoxo-love", "slack.com/archives/C012"],
    ),
    secret(
        &[
            "pay.live.key=«!stripe»",
            "{\"gateway\":{\"name\":\"stripe\",\"secret\":\"«!stripe»\"}}",
            "«!striper»",
            "Stripe::api_key = '«!stripe»'",
        ],
        &["pk_live_«alnum:24»", "sk_live_...", "risk_live_score", "sk_live_XXXXXXXXXXXXXXXXXXXXXXXX"],
    ),
    secret(
        &[
            "MODEL_API_KEY=«!openai»",
            "Authorization: Bearer «!openaiproj»",
            "x-api-key: «!anthropic»",
            "{\"vendor\":\"anthropic\",\"key\":\"«!anthropic»\",\"rpm\":50}",
        ],
        &["sk-12345", "task-list-2025-review", "sk-learn pipelines", "sk-ant-..."],
    ),
    secret(
        &[
            "Authorization: Bearer «!jwt»",
            "id_token=«!jwt:RS256»&state=«hex:8»",
            "{\"refresh\":\"«!jwt:ES256»\"}",
            "ws?auth=«!jwt:HS512»",
        ],
        &["eyJ.eyJ.x", "a.b.c", "eyJhbGciOiJIUzI1NiJ9", "header.payload.signature"],
    ),
    // Addresses with passwords.
    secret(
        &[
            "postgresql://report:«!password»@pg-2.db.test:5433/dw?sslmode=require",
            "DATABASE_URL='mysql://shop:«!password»@[2001:db8:5::3]:3306/shop'",
            "{\"broker\":\"amqp://worker:«!password»@203.0.113.54:5672/%2f\"}",
            "mongodb+srv://app:«!password»@cluster0.mongo.test/prod",
        ],
        &[
            "postgresql://user:password@localhost/db",
            "mysql://${USER}:${PASS}@host/db",
            "redis://cache.example.com:6379/0",
            "https://example.com:8443/a@b",
        ],
    ),
    // Hashes of passwords, keys of frameworks.
    secret(
        &[
            "{\"login\":\"mira\",\"pw\":\"«!bcrypt»\"}",
            "jonas:«!argon2»:active",
            "auth_user|«!pbkdf2»|is_staff=1",
            "root:«!sha512crypt»:20000:0:99999:7:::",
            "wp_users ines «!phpass» ines@example.com",
            "htpasswd petra:«!bcrypt»",
        ],
        &["$2b$ is the prefix", "$argon2id$v=19$", "pbkdf2_sha256$600000$", "$6$ per month, $P$ each"],
    ),
    secret(
        &[
            "APP_NAME=Till\nAPP_KEY=base64:«!laravel»\nAPP_DEBUG=false",
            "secret_key_base: «!rails»",
            "{\"env\":{\"APP_KEY\":\"base64:«!laravel»\"}}",
            "SECRET_KEY_BASE=«!rails»",
        ],
        &["APP_KEY=", "APP_KEY=base64:", "secret_key_base: <%= ENV['SECRET_KEY_BASE'] %>", "sha512 «hex:128»"],
    ),
    // People.
    person(
        "RD-PII-CARD",
        &[
            "{\"pan\":\"«!card»\",\"exp\":\"04/29\"}",
            "credit card «!cardspaced» expires 11/28",
            "cc_number=«!card»&cc_name=Greta",
            "card_no: «!card»",
        ],
        &["order «digits:16»x", "card 4111111111111112", "card_ref: 0000000000000000", "tracking 1Z«digits:16»"],
    ),
    person(
        "RD-PII-IBAN",
        &[
            "{\"payout\":{\"iban\":\"«!iban»\"}}",
            "IBAN «!ibanspaced», holder O. Berg",
            "account=«!iban»",
            "refund to «!iban»",
        ],
        &["DE00123456780000000000", "IBAN: DEXX", "iban_valid=true", "account GB"],
    ),
];
