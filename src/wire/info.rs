//! What INFO says, typed where it matters.

use std::collections::BTreeMap;

/// An INFO reply. What a server does not say is none, never zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Info {
    fields: BTreeMap<String, String>,
    modules: Vec<String>,
}

/// What a server is in replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows another one.
    Replica,
}

impl Role {
    /// `master` or `replica`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Primary => "master",
            Role::Replica => "replica",
        }
    }
}

/// One database in INFO's keyspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseKeys {
    /// Its number.
    pub db: u32,
    /// Keys, those expired and not yet removed among them.
    pub keys: u64,
    /// Of them with an expiry.
    pub expires: u64,
}

impl Info {
    /// Reads `name:value` lines; anything else is passed over.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut info = Self::default();
        for line in String::from_utf8_lossy(bytes).lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.split_once(':') else { continue };
            if name == "module" {
                let named = value.split(',').find_map(|part| part.strip_prefix("name="));
                info.modules.extend(named.map(str::to_owned));
            } else {
                info.fields.insert(name.to_owned(), value.to_owned());
            }
        }
        info
    }

    /// A field as it stands.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// A field that is a number from 0.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// A field that is 0 or 1.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.number(name).map(|number| number != 0)
    }

    /// `redis`, `valkey`, or the name another one has for itself.
    pub fn family(&self) -> &str {
        if self.text("dragonfly_version").is_some() {
            return "dragonfly";
        }
        match self.text("server_name") {
            Some(name) if !name.is_empty() => name,
            _ if self.text("valkey_version").is_some() => "valkey",
            _ => "redis",
        }
    }

    /// The server's own version, `8.6.3`; of Valkey not the Redis version it says it is compatible with.
    pub fn version(&self) -> Option<&str> {
        let own = match self.family() {
            "valkey" => self.text("valkey_version"),
            "dragonfly" => self.text("dragonfly_version"),
            _ => None,
        };
        own.or_else(|| self.text("redis_version"))
    }

    /// The first two numbers of [`Info::version`].
    pub fn major_minor(&self) -> Option<(u32, u32)> {
        let mut numbers = self.version()?.split('.').map(|part| part.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    }

    /// `standalone`, `sentinel` or `cluster`.
    pub fn mode(&self) -> Option<&str> {
        self.text("server_mode").or_else(|| self.text("redis_mode"))
    }

    /// Primary or replica.
    pub fn role(&self) -> Option<Role> {
        match self.text("role")? {
            "master" => Some(Role::Primary),
            "slave" | "replica" => Some(Role::Replica),
            _ => None,
        }
    }

    /// Whether it reads its file.
    pub fn is_loading(&self) -> bool {
        self.flag("loading") == Some(true) || self.flag("async_loading") == Some(true)
    }

    /// Of a replica: whether it has its primary.
    pub fn link_is_up(&self) -> Option<bool> {
        self.text("master_link_status").map(|status| status == "up")
    }

    /// Of a replica: whether it takes a snapshot from its primary at this moment.
    pub fn syncs(&self) -> bool {
        self.flag("master_sync_in_progress") == Some(true)
    }

    /// Of a replica: seconds since it has heard of its primary.
    pub fn silence_secs(&self) -> Option<u64> {
        self.number("master_last_io_seconds_ago")
    }

    /// Of a primary: the place up to which it has written. Of a replica: up to which it has read.
    pub fn offset(&self) -> Option<u64> {
        match self.role() {
            Some(Role::Replica) => self.number("slave_repl_offset").or_else(|| self.number("master_repl_offset")),
            _ => self.number("master_repl_offset"),
        }
    }

    /// The databases that hold keys.
    pub fn databases(&self) -> Vec<DatabaseKeys> {
        let database = |(name, value): (&String, &String)| {
            let db = name.strip_prefix("db")?.parse().ok()?;
            let part = |wanted: &str| {
                value.split(',').find_map(|part| part.strip_prefix(wanted)?.strip_prefix('=')?.parse().ok())
            };
            Some(DatabaseKeys { db, keys: part("keys")?, expires: part("expires").unwrap_or(0) })
        };
        let mut found: Vec<_> = self.fields.iter().filter_map(database).collect();
        found.sort_by_key(|database| database.db);
        found
    }

    /// Names of the modules it has loaded.
    pub fn modules(&self) -> &[String] {
        &self.modules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_as_servers_write_it() {
        let info = Info::parse(
            b"# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\nserver_mode:cluster\r\n\
              role:slave\r\nmaster_link_status:down\r\nslave_repl_offset:12\r\nmaster_repl_offset:13\r\n\
              module:name=ReJSON,ver=20609,api=1\r\nmodule:name=search,ver=1\r\n# Keyspace\r\n\
              db10:keys=7,expires=2,avg_ttl=0\r\ndb2:keys=1,expires=0\r\ndbx:keys=1\r\nloading:0\r\n",
        );
        assert_eq!((info.family(), info.version(), info.major_minor()), ("valkey", Some("9.1.2"), Some((9, 1))));
        assert_eq!((info.mode(), info.role()), (Some("cluster"), Some(Role::Replica)));
        assert_eq!((info.link_is_up(), info.offset(), info.is_loading()), (Some(false), Some(12), false));
        assert_eq!(info.modules(), ["ReJSON", "search"]);
        let databases: Vec<_> = info.databases().iter().map(|each| (each.db, each.keys, each.expires)).collect();
        assert_eq!(databases, [(2, 1, 0), (10, 7, 2)]);
        assert_eq!((info.number("maxmemory"), info.silence_secs()), (None, None));
    }

    #[test]
    fn of_redis() {
        let info =
            Info::parse(b"redis_version:8.6.3\r\nredis_mode:standalone\r\nrole:master\r\nmaster_repl_offset:-1\r\n");
        assert_eq!((info.family(), info.version(), info.offset()), ("redis", Some("8.6.3"), None));
        assert_eq!(Info::parse(b"\xff\0:\r\n::\n").major_minor(), None);
    }
}
