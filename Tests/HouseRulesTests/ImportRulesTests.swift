import Testing

/// Who may import whom: the picture of the design. A target that is not in it has no place in `Sources`.
@Suite struct ImportRulesTests {
    /// The cores do no input or output, so nothing but the standard library and other cores is open to them.
    private static let cores: [String: Set<String>] = [
        "PosternModel": [],
        "OverlayWire": ["PosternModel"],
        "OverlayCrypto": ["PosternModel", "OverlayWire", "CSodium", "Synchronization"],
        "OverlayCore": ["PosternModel", "OverlayWire", "OverlayCrypto"],
        "TrustCore": ["PosternModel", "OverlayWire", "OverlayCrypto"],
        "HubProtocol": ["PosternModel", "OverlayWire", "TrustCore"],
        "SidecarCore": ["PosternModel", "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore", "HubProtocol"],
        "HubCore": ["PosternModel", "OverlayWire", "OverlayCrypto", "TrustCore", "HubProtocol"],
        "GatewayCore": ["PosternModel", "CLLHTTP", "CZlib"],
        "Simulation": [
            "PosternModel", "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore", "HubProtocol", "SidecarCore",
            "HubCore", "GatewayCore",
        ],
    ]

    private static let overlay: Set<String> = [
        "PosternModel", "OverlayWire", "OverlayCrypto", "OverlayCore", "OverlayNIO",
    ]

    private static let shells: [String: Set<String>] = [
        "OverlayNIO": ["PosternModel", "OverlayWire", "OverlayCrypto", "OverlayCore", "CUPnP"],
        "StateStore": ["PosternModel", "OverlayCrypto", "TrustCore", "CZlib"],
        "HubServer": overlay.union(["TrustCore", "HubProtocol", "HubCore", "StateStore", "GRDB", "CPostgres"]),
        "SidecarNIO": overlay.union(["TrustCore", "HubProtocol", "SidecarCore", "StateStore"]),
        "GatewayNIO": [
            "PosternModel", "OverlayWire", "OverlayCore", "OverlayNIO", "TrustCore", "GatewayCore", "CSpawn",
        ],
        "SidecarControl": ["PosternModel", "OverlayCrypto", "SidecarCore", "StateStore"],
        "PosternConfiguration": ["PosternModel", "Yams"],
    ]

    private static let programs: [String: Set<String>] = [
        "postern": overlay.union([
            "TrustCore", "SidecarCore", "GatewayCore", "StateStore", "SidecarNIO",
            "HubServer", "GatewayNIO", "SidecarControl", "PosternConfiguration", "CRuntime", "CJOSE", "ArgumentParser",
            "ServiceLifecycle", "UnixSignals",
        ]),
        "postern-bench": overlay.union([
            "TrustCore", "HubProtocol", "SidecarCore", "HubCore", "GatewayCore", "StateStore", "HubServer",
            "GatewayNIO",
            "ArgumentParser", "CAllocationCounter", "CRuntime",
        ]),
        "postern-sim": ["PosternModel", "OverlayCore", "Simulation", "ArgumentParser"],
    ]

    /// What every shell and program may use besides.
    private static let effects: Set<String> = [
        "Foundation", "Dispatch", "Glibc", "Musl", "Darwin", "Synchronization", "Logging", "Metrics",
        "NIOCore", "NIOPosix", "NIOConcurrencyHelpers", "NIOHTTP1", "NIOWebSocket", "NIOSSL", "NIOTLS", "NIOExtras",
        "NIOFoundationCompat",
    ]

    /// C libraries have no Swift files.
    private static let libraries: Set<String> = [
        "CSodium", "CZlib", "CPostgres", "CLLHTTP", "CAllocationCounter", "CRuntime", "CSpawn", "CUPnP",
        "CJOSE",
    ]

    @Test func `a target imports only what the picture of the design allows`() {
        var faults: [String] = []
        for file in SourceTree.sources {
            guard let allowed = Self.allowed(file.target) else {
                faults.append("\(file.path): \(file.target) is not a target of the design")
                continue
            }
            for (line, module) in Self.imports(of: file) where !allowed.contains(module) {
                faults.append("\(file.place(line)): \(file.target) may not import \(module)")
            }
        }
        expectNone(faults)
    }

    @Test func `every arrow of the picture is one that the code has`() {
        let own = Set(Self.cores.keys).union(Self.shells.keys)
        let picture = Self.cores.merging(Self.shells) { first, _ in first }.merging(Self.programs) { first, _ in first }
        var faults: [String] = []
        for (target, allowed) in picture.sorted(by: { $0.key < $1.key }) {
            let used = Set(
                SourceTree.sources.filter { $0.target == target }.flatMap { Self.imports(of: $0) }.map(\.module)
            )
            for module in allowed.subtracting(used).sorted() where own.contains(module) {
                faults.append("\(target) does not import \(module)")
            }
        }
        expectNone(faults)
    }

    @Test func `a target imports every target that it declares`() throws {
        let package = try #require(SourceTree.text("Package.swift"))
        let names = Set(SourceTree.sources.map(\.target))
        var faults: [String] = []
        for declaration in Self.declarations(in: package) {
            let files =
                SourceTree.sources.filter { $0.target == declaration.target }
                + SourceTree.tests.filter { $0.path.hasPrefix("\(declaration.folder)/") }
            let used = Set(files.flatMap { Self.imports(of: $0) }.map(\.module))
            for dependency in declaration.dependencies where names.contains(dependency) && !used.contains(dependency) {
                faults.append("\(declaration.target) declares \(dependency) and does not import it")
            }
        }
        expectNone(faults)
    }

    /// The targets of a manifest, where tests have them, and the targets that they name as their dependencies.
    private static func declarations(
        in package: String
    ) -> [(target: String, folder: String, dependencies: [String])] {
        let pattern =
            #/arget\(\s*name: "([\w-]+)",\s*dependencies: \[((?:[^\[\]]|\[[^\]]*\])*)\](?:,\s*path: "([^"]+)")?/#
        return package.matches(of: pattern).map { match in
            let dependencies = match.2.matches(of: #/"([\w-]+)"/#).map { String($0.1) }
            return (String(match.1), match.3.map(String.init) ?? "Tests/\(match.1)", dependencies)
        }
    }

    @Test func `every folder of the sources is a target of the design`() {
        let folders = Set(SourceTree.files(below: "Sources").compactMap { $0.split(separator: "/").dropFirst().first })
        let known = Set(Self.cores.keys).union(Self.shells.keys).union(Self.programs.keys).union(Self.libraries)
        expectNone(folders.map(String.init).filter { !known.contains($0) }.sorted().map { "Sources/\($0)" })
    }

    @Test
    func `each C library has its users: libsodium OverlayCrypto, llhttp GatewayCore, zlib GatewayCore and StateStore`()
    {
        let owners = [
            "CSodium": ["OverlayCrypto"], "CLLHTTP": ["GatewayCore"], "CZlib": ["GatewayCore", "StateStore"],
        ]
        let faults = SourceTree.sources.flatMap { file in
            Self.imports(of: file).compactMap { line, module -> String? in
                guard let users = owners[module], !users.contains(file.target) else { return nil }
                return "\(file.place(line)): \(module) belongs to \(users)"
            }
        }
        expectNone(faults)
    }

    @Test func `imports are found whatever stands before them`() {
        let file = SwiftFile(
            path: "Sources/X/Y.swift",
            text: """
                import A
                package import B
                @preconcurrency import C
                @_exported public import struct D.Part
                #if canImport(E)
                    import E
                #endif
                // import F
                """
        )
        #expect(Self.imports(of: file).map(\.module) == ["A", "B", "C", "D", "E"])
    }

    private static func allowed(_ target: String) -> Set<String>? {
        if let core = cores[target] { return core }
        return (shells[target] ?? programs[target]).map { $0.union(effects) }
    }

    private static func imports(of file: SwiftFile) -> [(line: Int, module: String)] {
        let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        return file.code.enumerated().compactMap { number, line in
            let words = line.split { " .".contains($0) }.map(String.init)
            guard let keyword = words.firstIndex(of: "import"), keyword <= 3 else { return nil }
            guard let module = words[(keyword + 1)...].first(where: { !kinds.contains($0) }) else { return nil }
            return (number + 1, module)
        }
    }
}

/// Records one issue with every fault in it, so that a run names them all.
func expectNone(_ faults: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(faults.isEmpty, "\(faults.count):\n\(faults.joined(separator: "\n"))", sourceLocation: sourceLocation)
}
