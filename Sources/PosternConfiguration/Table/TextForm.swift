import PosternModel

/// What a text of one form means.
enum FormValue: Hashable, Sendable {
    case label(String)
    case service(ServiceName)
    case path(String)
    case hub(HubURL)
    case place(HostPort)
    case off
    case websocket(WebSocketURL)
    case host(PublicHost)
    case upstream(Upstream)
    case peer(PeerName)
    case allowance(AllowRule)
    case asker(AcceptanceRule.Asker)
    case origin(String)
    case hostName(String)
    case addressRange(AddressRange)
    case methodPattern(MethodPattern)
    case fieldName(String)
    /// In milliseconds.
    case duration(Int)
    case argument(String)
    case key(NodeKey)
}

/// The forms of text in configuration files. Each says how it is checked, how a person is told of it, and the regular
/// expression of a JSON Schema that follows the check as far as an expression can.
enum TextForm: Hashable, Sendable, CaseIterable {
    /// A node's name: a label of a host name, in lower case.
    case label
    /// A service's name.
    case service
    /// A directory or file.
    case path
    /// `postern://HOST:PORT/did:key:…`.
    case hub
    /// An IP address and a port to listen on; port 0 is any free one.
    case listen
    /// An IP address and a port to listen on, or `off`.
    case listenOrOff
    /// `ws://HOST[:PORT][/PATH]` or `wss://…`.
    case websocket
    /// A loopback address and a port to listen on.
    case loopback
    /// The same, or with `exposeToNetwork` any address of this machine.
    case reachListen
    /// A loopback address and a port, or `off`.
    case loopbackOrOff
    /// A host name or an address, with or without a port.
    case host
    /// An agent's `http://` or `https://` address.
    case httpUpstream
    /// A TCP target, `HOST:PORT` or `tcp://HOST:PORT`.
    case tcpUpstream
    /// A UDP target, `HOST:PORT` or `udp://HOST:PORT`.
    case udpUpstream
    /// A gRPC server: `HOST:PORT`, or a port of this machine.
    case grpcUpstream
    /// Either kind of target.
    case upstream
    /// Somebody else: a did, an address, a name or an `agent://` URI.
    case peer
    /// Who may use a service: `trusted` or a peer.
    case allowance
    /// Who may be accepted by a rule: `anyone`, or who may use a service.
    case asker
    /// An origin as browsers write it, or the beginning of one.
    case origin
    /// A host name or an address.
    case hostName
    /// An address, or those with the same first bits.
    case addressRange
    /// The name of a header that frames nothing.
    case fieldName
    /// A time from a second to an hour, or none.
    case duration
    /// A part of a command line, or a value in an environment: any text.
    case argument
    /// The name of a variable in an environment.
    case variable
    /// A JSON-RPC method, with a name behind it or not.
    case methodPattern
    /// `postgresql://HOST/NAME`, as libpq reads it.
    case database
    /// A node's key, as a did.
    case key

    /// What `text` means, or nil when it does not have this form.
    func parse(_ text: String) -> FormValue? {
        switch self {
        case .label: HostName.isLowercaseLabel(text) ? .label(text) : nil
        case .service: ServiceName(text).map { .service($0) }
        case .path: text.isEmpty || text.unicodeScalars.contains("\0") ? nil : .path(text)
        case .hub: (try? HubURL(text)).map { .hub($0) }
        case .listen: HostPort(text).flatMap { $0.isAddress ? .place($0) : nil }
        case .listenOrOff: text == "off" ? .off : TextForm.listen.parse(text)
        case .websocket: WebSocketURL(text).map { .websocket($0) }
        case .loopback: HostPort(text).flatMap { $0.isLoopback ? .place($0) : nil }
        case .reachListen: TextForm.listen.parse(text)
        case .loopbackOrOff: text == "off" ? .off : TextForm.loopback.parse(text)
        case .host: PublicHost(text).map { .host($0) }
        case .httpUpstream: Upstream(http: text).map { .upstream($0) }
        case .tcpUpstream: Upstream(bare: text, scheme: "tcp://").map { .upstream($0) }
        case .udpUpstream: Upstream(bare: text, scheme: "udp://").map { .upstream($0) }
        case .grpcUpstream:
            (UInt16(text).map(HostPort.loopback) ?? HostPort(text)).flatMap { $0.port > 0 ? .place($0) : nil }
        case .upstream:
            TextForm.httpUpstream.parse(text) ?? TextForm.tcpUpstream.parse(text) ?? TextForm.udpUpstream.parse(text)
        case .peer: PeerName(text).map { .peer($0) }
        case .allowance: AllowRule(text).map { .allowance($0) }
        case .asker: AcceptanceRule.Asker(text).map { .asker($0) }
        case .origin: Self.isOrigin(text) ? .origin(text) : nil
        case .hostName: HostPort(host: text, port: 0).map { .hostName($0.host) }
        case .addressRange: AddressRange(text).map { .addressRange($0) }
        case .duration: Self.milliseconds(text).map { .duration($0) }
        case .fieldName: Self.isFieldName(text) ? .fieldName(text) : nil
        case .methodPattern: MethodPattern(text).map { .methodPattern($0) }
        case .argument: text.unicodeScalars.contains("\0") ? nil : .argument(text)
        case .variable: Self.isVariable(text) ? .argument(text) : nil
        case .database: Self.isDatabase(text) ? .argument(text) : nil
        case .key: NodeKey(did: text).map { .key($0) }
        }
    }

    /// Whether a plain number may have this form.
    var takesNumbers: Bool { self == .grpcUpstream }

    /// Whether a text may hold a password, so that nobody is shown one that is wrong.
    var isSecret: Bool { self == .database }

    /// Whether `text` has this form.
    func accepts(_ text: String) -> Bool { parse(text) != nil }

    /// What a person is told who wrote something else.
    var expected: String {
        switch self {
        case .label: "a name of a-z, 0-9 and inner hyphens, at most 63 long"
        case .service: "a service name of letters, digits, '-', '_' and '.', at most 63 long"
        case .path: "a path"
        case .hub: "a hub's URL as `postern hub` prints it: postern://HOST:PORT/did:key:z…"
        case .listen: "an IP address and a port, such as \"0.0.0.0:4600\" or \"[::]:4600\" (port 0: any free one)"
        case .listenOrOff: "an IP address and a TCP port, such as \"0.0.0.0:443\", or \"off\""
        case .websocket: "a WebSocket URL: ws://HOST[:PORT][/PATH] or wss://HOST[:PORT][/PATH]"
        case .loopback, .reachListen: "a loopback address and a port, such as 127.0.0.1:7701 (port 0: any free one)"
        case .loopbackOrOff: "a loopback address and a port, such as 127.0.0.1:7600 (port 0: any free one), or \"off\""
        case .host: "a host name or an IP address, with a port if it is not the one listened on: hub.example.net:4600"
        case .httpUpstream: "the agent's address: http://HOST:PORT or https://HOST:PORT"
        case .tcpUpstream: "the target's address: HOST:PORT or tcp://HOST:PORT"
        case .udpUpstream: "the target's address: HOST:PORT or udp://HOST:PORT"
        case .grpcUpstream: "where the agent speaks gRPC: PORT or HOST:PORT"
        case .upstream: "http://HOST:PORT or https://HOST:PORT, or HOST:PORT for kinds tcp and udp"
        case .peer:
            "a peer: a did:key:…, an overlay address fd…, a name such as planner or planner.acme, or agent://NAME"
        case .allowance:
            "trusted, network:NAME, group:NAME/GROUP, or a peer: a did:key:…, an overlay address fd…, a name, "
                + "or agent://NAME"
        case .asker: "anyone, trusted, network:NAME, group:NAME/GROUP, or a peer: a did:key:…, a name, or agent://NAME"
        case .origin: "an origin such as https://app.example or vscode-webview://*, or null"
        case .hostName: "a host name or an IP address, without a port"
        case .duration: "a time from 1s to 1h such as 3s, 1500ms or 2m, or 0s"
        case .fieldName: "the name of a header such as X-Caller, and none that HTTP itself needs"
        case .argument: "a text"
        case .variable: "a variable's name of letters, digits and '_', not beginning with a digit or POSTERN_"
        case .methodPattern: "METHOD or METHOD:NAME with * for anything, such as tools/call:delete_*"
        case .addressRange: "an IP address such as 192.0.2.7, or a range such as 172.17.0.0/16"
        case .key: "a node's key: did:key:z6Mk…"
        case .database: "the URL of a PostgreSQL database: postgresql://USER@HOST/NAME"
        }
    }

    /// Whether `text` is a scheme and an authority, or `null` (RFC 6454 §6.2); an asterisk stands only at the end.
    private static func isOrigin(_ text: String) -> Bool {
        if text == "null" { return true }
        guard let colon = text.firstRange(of: "://"), colon.lowerBound != text.startIndex else { return false }
        let scheme = text[..<colon.lowerBound].utf8
        let rest = text[colon.upperBound...]
        let isScheme = scheme.allSatisfy { $0.isASCIIAlphanumeric || "+-.".utf8.contains($0) }
        let authority = rest.hasSuffix("*") ? rest.dropLast() : rest
        return isScheme && !rest.isEmpty
            && authority.utf8.allSatisfy { $0 > 0x20 && !"/?#*".utf8.contains($0) && $0 < 0x7f }
    }

    /// Whether `text` names a header, and none by which messages are framed, routed or authorized.
    private static func isFieldName(_ text: String) -> Bool {
        let taken: Set<String> = [
            "host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect", "origin",
            "keep-alive", "proxy-connection", "authorization", "location", "sec-fetch-site", "content-type",
            "content-encoding",
        ]
        return (1...64).contains(text.utf8.count) && !taken.contains(text.lowercased())
            && text.utf8.allSatisfy { $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }

    /// The time in `text`, in milliseconds.
    private static func milliseconds(_ text: String) -> Int? {
        let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
        guard let unit = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let digits = text.dropLast(unit.0.count)
        guard (1...7).contains(digits.utf8.count), digits.utf8.allSatisfy(HostName.isDigit), let count = Int(digits)
        else { return nil }
        let milliseconds = count * unit.1
        return milliseconds == 0 || (1000...3_600_000).contains(milliseconds) ? milliseconds : nil
    }

    private static func isDatabase(_ text: String) -> Bool {
        (text.hasPrefix("postgresql://") || text.hasPrefix("postgres://")) && !text.unicodeScalars.contains("\0")
    }

    private static func isVariable(_ text: String) -> Bool {
        guard let first = text.utf8.first, !HostName.isDigit(first), !text.hasPrefix("POSTERN_") else { return false }
        return text.utf8.count <= 128 && text.utf8.allSatisfy { $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "_") }
    }

    /// What is said beside `expected` about a text that misses the form in a way we know.
    func hint(for text: String) -> String? {
        switch self {
        case .httpUpstream, .upstream:
            if Upstream(bare: text, scheme: "tcp://") != nil { return "write http://\(text)" }
            return Upstream.pathHint(text)
        case .tcpUpstream:
            return text.hasPrefix("http") ? "kind tcp takes HOST:PORT; for HTTP use kind http, mcp or a2a" : nil
        case .udpUpstream:
            return text.hasPrefix("http") ? "kind udp takes HOST:PORT; for HTTP use kind http, mcp or a2a" : nil
        case .grpcUpstream:
            return text.contains("://") ? "leave out the scheme: HOST:PORT" : nil
        case .allowance, .asker:
            let isScope = text.hasPrefix("network:") || text.hasPrefix("group:")
            return isScope ? "write network:NAME or group:NAME/GROUP, in lower case" : nil
        case .listen, .listenOrOff: return HostPort.hint(for: text, loopback: false)
        case .loopback, .reachListen, .loopbackOrOff:
            return HostPort.hint(for: text, loopback: true)
        case .origin:
            return text == "*" ? "name the origins one by one: any page may be open in a browser" : nil
        case .label:
            return text.lowercased() != text && HostName.isLowercaseLabel(text.lowercased())
                ? "write \(text.lowercased())" : nil
        case .websocket:
            return text.hasPrefix("http") ? "write ws:// or wss:// for the scheme" : nil
        case .service, .path, .hub, .host, .peer, .hostName, .addressRange, .methodPattern, .fieldName, .duration,
            .argument,
            .variable, .database, .key:
            return nil
        }
    }

    /// The expression that JSON Schema is given (ECMA-262, no look-around). It accepts all that `accepts` does.
    var pattern: String {
        let port = "[0-9]{1,5}"
        let dotted = "[0-9]{1,3}(\\.[0-9]{1,3}){3}"
        let bracketed = "\\[[0-9A-Fa-f:.]{2,45}\\]"
        let host = "([A-Za-z0-9._-]{1,253}|\(bracketed))"
        let did = "did:key:z[1-9A-HJ-NP-Za-km-z]+"
        let peer = "(\(did)|[Ff][Dd][0-9A-Fa-f:]{1,39}|(agent://)?[A-Za-z0-9][A-Za-z0-9.-]{0,252}/?|agent://\(did)/?)"
        let loopback = "(127(\\.[0-9]{1,3}){3}|localhost|\\[[0:]*:0*1\\])"
        switch self {
        case .label: return "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
        case .service: return "^[A-Za-z0-9._-]{1,63}$"
        case .path: return "^[^\\u0000]+$"
        case .hub: return "^postern://\(host):\(port)/\(did)(\\?websocket=.+)?$"
        case .listenOrOff: return "^(off|(\(dotted)|localhost|\(bracketed)):\(port))$"
        case .websocket: return "^wss?://\(host)(:\(port))?(/[A-Za-z0-9/._~-]*)?$"
        case .listen, .reachListen: return "^(\(dotted)|localhost|\(bracketed)):\(port)$"
        case .loopback: return "^\(loopback):\(port)$"
        case .loopbackOrOff: return "^(off|\(loopback):\(port))$"
        case .host: return "^\(host)(:\(port))?$|^[0-9A-Fa-f:.]{2,45}$"
        case .httpUpstream: return "^https?://\(host)(:\(port))?/?$"
        case .tcpUpstream: return "^(tcp://)?\(host):\(port)$"
        case .udpUpstream: return "^(udp://)?\(host):\(port)$"
        case .grpcUpstream: return "^((\(host):)?\(port))$"
        case .upstream: return "^(https?://\(host)(:\(port))?/?|((tcp|udp)://)?\(host):\(port))$"
        case .peer: return "^\(peer)$"
        case .allowance, .asker:
            return "^(trusted|network:[a-z0-9-]{1,63}|group:[a-z0-9-]{1,63}/[a-z0-9-]{1,63}|\(peer))$"
        case .origin: return "^(null|[A-Za-z][A-Za-z0-9+.-]*://[^/?#\\s]+|[A-Za-z][A-Za-z0-9+.-]*://\\*)$"
        case .hostName: return "^([A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45})$"
        case .duration: return "^[0-9]{1,7}(ms|s|m|h)$"
        case .fieldName: return "^[A-Za-z0-9_-]{1,64}$"
        case .methodPattern: return "^[!#-9;-\\[\\]-~]+(:[!#-\\[\\]-~]+)?$"
        case .argument: return "^[^\\u0000]*$"
        case .variable: return "^[A-Za-z_][A-Za-z0-9_]*$"
        case .addressRange: return "^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?$"
        case .key: return "^\(did)$"
        case .database: return "^postgres(ql)?://[^\\u0000]*$"
        }
    }
}

extension UInt8 {
    fileprivate var isASCIIAlphanumeric: Bool { HostName.isDigit(self) || (self | 0x20) &- UInt8(ascii: "a") < 26 }
}
