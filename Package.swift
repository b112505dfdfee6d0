// swift-tools-version: 6.2
import Foundation
import PackageDescription

// What every target shares: Swift 6 mode, explicit existentials and imports, warnings are errors.
let common: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .treatAllWarnings(as: .error),
]

// Debug builds, which all unit tests use, keep the run-time check of exclusive access. In release it costs a tenth of the
// time in bulk, so the packet path goes without.
let unchecked: [SwiftSetting] = [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

// The packet path: unsafe code is marked line by line, and small functions cross module borders in release.
let hot: [SwiftSetting] =
    common + unchecked + [
        .strictMemorySafety(),
        .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
    ]

// llhttp is a library of its own where the distribution has `libllhttp-dev`; Debian 12 ships its sources instead, in
// `node-llhttp`, and `Sources/CLLHTTP` compiles those from where they are installed.
let hasLibrary = FileManager.default.fileExists(atPath: "/usr/include/llhttp.h")
let llhttp: Target =
    hasLibrary
    ? .target(
        name: "CLLHTTP",
        cSettings: [.define("POSTERN_LLHTTP_LIBRARY")],
        linkerSettings: [.linkedLibrary("llhttp")]
    )
    : .target(
        name: "CLLHTTP",
        cSettings: [.define("LLHTTP_STRICT_MODE"), .unsafeFlags(["-I", "/usr/share/include/llhttp"])]
    )

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioWebSocket: Target.Dependency = .product(name: "NIOWebSocket", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let lifecycleSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")

let package = Package(
    name: "postern",
    products: [
        .executable(name: "postern", targets: ["postern"]),
        .executable(name: "postern-bench", targets: ["postern-bench"]),
        .executable(name: "postern-sim", targets: ["postern-sim"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // C libraries
        .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        llhttp,
        .target(name: "CAllocationCounter"),
        .target(name: "CRuntime"),
        .target(name: "CSpawn"),
        // The header of libminiupnpc where it is there; the library is loaded when a gateway is asked.
        .target(name: "CUPnP"),
        .target(name: "CJOSE", linkerSettings: [.linkedLibrary("crypto")]),
        // The header of libpq alone: the library is loaded when a hub needs it.
        .target(name: "CPostgres", cSettings: [.unsafeFlags(["-I", "/usr/include/postgresql"])]),

        // Cores: no input or output, no clock, no system randomness
        .target(name: "PosternModel", swiftSettings: hot),
        .target(name: "OverlayWire", dependencies: ["PosternModel"], exclude: ["Protocol.md"], swiftSettings: hot),
        .target(name: "OverlayCrypto", dependencies: ["PosternModel", "OverlayWire", "CSodium"], swiftSettings: hot),
        .target(
            name: "OverlayCore",
            dependencies: ["PosternModel", "OverlayWire", "OverlayCrypto"],
            swiftSettings: hot
        ),
        .target(
            name: "TrustCore",
            dependencies: ["PosternModel", "OverlayWire", "OverlayCrypto"],
            exclude: ["Networks.md"],
            swiftSettings: common
        ),
        .target(
            name: "HubProtocol",
            dependencies: ["PosternModel", "OverlayWire", "TrustCore"],
            exclude: ["Hub-API.md"],
            swiftSettings: common
        ),
        .target(
            name: "SidecarCore",
            dependencies: ["PosternModel", "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore", "HubProtocol"],
            swiftSettings: common
        ),
        .target(
            name: "HubCore",
            dependencies: ["PosternModel", "OverlayWire", "OverlayCrypto", "TrustCore", "HubProtocol"],
            swiftSettings: common
        ),
        .target(
            name: "GatewayCore",
            dependencies: ["PosternModel", "CLLHTTP", "CZlib"],
            swiftSettings: common + unchecked
        ),
        .target(
            name: "Simulation",
            dependencies: [
                "PosternModel", "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore", "HubProtocol",
                "SidecarCore", "HubCore", "GatewayCore",
            ],
            swiftSettings: common
        ),

        // Shells: all effects, as thin as they can be
        .target(
            name: "OverlayNIO",
            dependencies: [
                "PosternModel", "OverlayWire", "OverlayCrypto", "OverlayCore", "CUPnP", nio, nioPosix, nioHTTP1,
                nioWebSocket,
                nioSSL, log,
            ],
            swiftSettings: common + unchecked
        ),
        .target(
            name: "HubServer",
            dependencies: [
                "PosternModel", "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore", "HubProtocol", "HubCore",
                "OverlayNIO", "StateStore", "CPostgres", nio, log,
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: common
        ),
        .target(
            name: "GatewayNIO",
            dependencies: [
                "PosternModel", "OverlayWire", "OverlayCore", "TrustCore", "GatewayCore", "OverlayNIO", "CSpawn", nio,
                nioPosix, nioHTTP1, nioSSL, nioTLS, log,
            ],
            swiftSettings: common + unchecked
        ),
        .target(
            name: "StateStore",
            dependencies: ["PosternModel", "OverlayCrypto", "TrustCore", "CZlib", nio],
            swiftSettings: common
        ),
        .target(
            name: "SidecarNIO",
            dependencies: [
                "PosternModel", "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore", "HubProtocol",
                "SidecarCore", "StateStore", "OverlayNIO", nio, nioPosix, log,
            ],
            swiftSettings: common
        ),
        .target(
            name: "SidecarControl",
            dependencies: [
                "PosternModel", "OverlayCrypto", "SidecarCore", "StateStore", nio, nioPosix, nioHTTP1,
                log,
            ],
            swiftSettings: common
        ),
        .target(
            name: "PosternConfiguration",
            dependencies: ["PosternModel", .product(name: "Yams", package: "Yams")],
            swiftSettings: common
        ),

        // Programs
        .executableTarget(
            name: "postern",
            dependencies: [
                "PosternModel", "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore",
                "SidecarCore", "GatewayCore",
                "OverlayNIO", "HubServer", "GatewayNIO", "StateStore", "SidecarNIO", "SidecarControl",
                "PosternConfiguration", "CRuntime", "CJOSE", nio,
                nioPosix, nioHTTP1, log, arguments, lifecycle, lifecycleSignals,
            ],
            swiftSettings: common
        ),
        .executableTarget(
            name: "postern-bench",
            dependencies: [
                "PosternModel", "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore", "HubProtocol",
                "SidecarCore", "HubCore",
                "OverlayNIO", "StateStore", "HubServer",
                "GatewayCore", "GatewayNIO", "CAllocationCounter", "CRuntime", nio, nioPosix, log, arguments,
            ],
            swiftSettings: common
        ),
        .executableTarget(
            name: "postern-sim",
            dependencies: [
                "PosternModel", "OverlayCore", "Simulation", arguments,
            ],
            swiftSettings: common
        ),

        // Tests
        .target(name: "TestSupport", dependencies: ["PosternModel"], path: "Tests/TestSupport", swiftSettings: common),
        // What is fuzzed: by unit tests with a few inputs, by libFuzzer with many.
        .target(
            name: "FuzzSubjects",
            dependencies: [
                "PosternModel", "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore", "HubProtocol",
                "SidecarCore", "HubCore", "GatewayCore", "PosternConfiguration",
            ],
            path: "Tests/Fuzz/Subjects",
            swiftSettings: common
        ),
        .testTarget(name: "FuzzTests", dependencies: ["TestSupport", "FuzzSubjects"], swiftSettings: common),
        .testTarget(name: "HouseRulesTests", swiftSettings: common),
        .testTarget(name: "PosternModelTests", dependencies: ["TestSupport", "PosternModel"], swiftSettings: common),
        .testTarget(
            name: "OverlayWireTests",
            dependencies: ["TestSupport", "PosternModel", "OverlayWire"],
            swiftSettings: common
        ),
        .testTarget(
            name: "OverlayCryptoTests",
            dependencies: ["PosternModel", "OverlayCrypto", "OverlayWire"],
            swiftSettings: common
        ),
        .testTarget(
            name: "OverlayCoreTests",
            dependencies: ["TestSupport", "PosternModel", "OverlayCore", "OverlayCrypto", "OverlayWire"],
            swiftSettings: common
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["PosternModel", "Simulation", "OverlayCore", "OverlayWire"],
            swiftSettings: common
        ),
        .testTarget(
            name: "TrustCoreTests",
            dependencies: ["TestSupport", "PosternModel", "TrustCore", "OverlayCrypto", "OverlayWire"],
            swiftSettings: common
        ),
        .testTarget(
            name: "HubCoreTests",
            dependencies: [
                "TestSupport", "PosternModel", "HubCore", "HubProtocol", "TrustCore", "OverlayCrypto", "OverlayWire",
            ],
            swiftSettings: common
        ),
        .testTarget(
            name: "SidecarCoreTests",
            dependencies: [
                "TestSupport", "PosternModel", "SidecarCore", "HubCore", "HubProtocol", "TrustCore", "OverlayCore",
                "OverlayCrypto", "OverlayWire",
            ],
            swiftSettings: common
        ),
        .testTarget(
            name: "GatewayCoreTests",
            dependencies: ["TestSupport", "PosternModel", "GatewayCore"],
            swiftSettings: common
        ),
        .testTarget(
            name: "PosternConfigurationTests",
            dependencies: ["TestSupport", "PosternModel", "PosternConfiguration"],
            swiftSettings: common
        ),
        .testTarget(
            name: "OverlayNIOTests",
            dependencies: [
                "PosternModel", "OverlayNIO", "OverlayCore", "OverlayCrypto", "OverlayWire", nio, nioPosix, log,
            ],
            swiftSettings: common
        ),
        .testTarget(
            name: "GatewayNIOTests",
            dependencies: [
                "TestSupport", "PosternModel", "GatewayNIO", "GatewayCore", "OverlayNIO", "OverlayCore",
                "TrustCore", "OverlayCrypto",
                "OverlayWire", nio, nioPosix,
                log,
            ],
            swiftSettings: common
        ),
        .testTarget(
            name: "HubServerTests",
            dependencies: [
                "TestSupport", "PosternModel", "HubServer", "HubCore", "StateStore", "SidecarNIO", "SidecarCore",
                "HubProtocol",
                "TrustCore", "OverlayNIO", "OverlayCore",
                "OverlayCrypto", "OverlayWire", nio, nioPosix, log,
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: common
        ),
        .testTarget(
            name: "StateStoreTests",
            dependencies: [
                "PosternModel", "StateStore", "TrustCore", "OverlayCrypto", nio, nioEmbedded,
            ],
            swiftSettings: common
        ),
        .testTarget(
            name: "posternTests",
            dependencies: [
                "PosternModel", "PosternConfiguration", "SidecarCore", "StateStore", "postern", nioEmbedded, log,
            ],
            swiftSettings: common
        ),
        .testTarget(
            name: "SidecarControlTests",
            dependencies: [
                "TestSupport", "PosternModel", "SidecarControl", "StateStore", "SidecarCore",
                "TrustCore",
                nio, nioPosix,
                log,
            ],
            swiftSettings: common
        ),
    ]
)

// Fuzzing needs libFuzzer in every object, so its program is built apart from the others:
// OVERLAY_FUZZ=1 swift build --product postern-fuzz --scratch-path .build-fuzz -Xswiftc -sanitize=fuzzer -Xswiftc -sanitize=address
if Context.environment["OVERLAY_FUZZ"] != nil {
    package.targets += [
        .target(name: "FuzzDriver", path: "Tests/Fuzz/Driver", swiftSettings: common),
        .executableTarget(
            name: "postern-fuzz",
            dependencies: ["FuzzDriver", "FuzzSubjects"],
            path: "Tests/Fuzz/Program",
            swiftSettings: common
        ),
    ]
}
