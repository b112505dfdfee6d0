import CPostgres

/// Where a database is: a `postgresql://` URL as libpq reads it, with what libpq adds from the environment, `~/.pgpass`
/// and the service file.
package struct PostgresPlace: Sendable, CustomStringConvertible {
    /// It may hold a password, so it is neither logged nor told.
    let url: String
    /// Whether the connection may go to another machine without TLS (RULES L).
    let mayBePlain: Bool
    /// Whether the URL itself holds a password.
    package let hasPassword: Bool
    /// The URL without its password, for messages.
    package let description: String

    /// Nil when libpq does not understand the URL, or is not there.
    package init?(_ url: String, mayBePlain: Bool = false) {
        guard url.hasPrefix("postgresql://") || url.hasPrefix("postgres://"), postgres_load() else { return nil }
        guard let password = Self.option("password", of: url) else { return nil }
        self.url = url
        self.mayBePlain = mayBePlain
        hasPassword = !password.isEmpty
        let user = Self.option("user", of: url) ?? ""
        let (host, port) = (Self.option("host", of: url) ?? "", Self.option("port", of: url) ?? "")
        let name = Self.option("dbname", of: url) ?? ""
        description =
            "postgresql://" + (user.isEmpty ? "" : user + "@") + host + (port.isEmpty ? "" : ":" + port) + "/" + name
    }

    /// Whether what is sent to `host`, a name, an address or a directory of sockets, stays on this machine.
    static func isLocal(_ host: String) -> Bool {
        host.isEmpty || host.hasPrefix("/") || host.hasPrefix("@") || ["localhost", "127.0.0.1", "::1"].contains(host)
    }

    /// An option in `url`, empty when it is not there; nil when the URL cannot be read.
    private static func option(_ name: String, of url: String) -> String? {
        var value: [CChar] = Array(repeating: 0, count: 1_024)
        let length = postgres_option(url, name, &value, value.count - 1)
        guard length >= 0 else { return nil }
        return String(decoding: value.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
