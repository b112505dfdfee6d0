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
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // C libraries
        .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        llhttp,
        .target(name: "CAllocationCounter"),
        .target(name: "CRuntime"),

        // Cores: no input or output, no clock, no system randomness
        .target(name: "OverlayWire", exclude: ["Protocol.md"], swiftSettings: hot),
        .target(name: "OverlayCrypto", dependencies: ["OverlayWire", "CSodium"], swiftSettings: hot),
        .target(name: "OverlayCore", dependencies: ["OverlayWire", "OverlayCrypto"], swiftSettings: hot),
        .target(name: "TrustCore", dependencies: ["OverlayWire", "OverlayCrypto"], swiftSettings: common),
        .target(
            name: "SidecarCore",
            dependencies: ["OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore"],
            swiftSettings: common
        ),
        .target(
            name: "HubCore",
            dependencies: ["OverlayWire", "OverlayCrypto", "TrustCore"],
            exclude: ["Hub-API.md"],
            swiftSettings: common
        ),
        .target(
            name: "GatewayCore",
            dependencies: ["OverlayWire", "CLLHTTP"],
            swiftSettings: common + unchecked
        ),
        .target(
            name: "Simulation",
            dependencies: ["OverlayWire", "OverlayCrypto", "OverlayCore"],
            swiftSettings: common
        ),

        // Shells: all effects, as thin as they can be
        .target(
            name: "OverlayNIO",
            dependencies: ["OverlayWire", "OverlayCrypto", "OverlayCore", nio, nioPosix, log],
            swiftSettings: common + unchecked
        ),
        .target(
            name: "HubServer",
            dependencies: [
                "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore", "HubCore", "OverlayNIO", nio, log,
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: common
        ),
        .target(
            name: "GatewayNIO",
            dependencies: [
                "OverlayWire", "OverlayCore", "GatewayCore", "SidecarCore", "OverlayNIO", nio, nioPosix, log,
            ],
            swiftSettings: common + unchecked
        ),
        .target(
            name: "SidecarControl",
            dependencies: [
                "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore", "SidecarCore", "OverlayNIO", nio, nioPosix,
                nioHTTP1, log,
            ],
            swiftSettings: common
        ),
        .target(
            name: "PosternConfiguration",
            dependencies: ["OverlayWire", .product(name: "Yams", package: "Yams")],
            swiftSettings: common
        ),

        // Programs
        .executableTarget(
            name: "postern",
            dependencies: [
                "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore", "SidecarCore", "HubCore", "GatewayCore",
                "OverlayNIO", "HubServer", "GatewayNIO", "SidecarControl", "PosternConfiguration", "CRuntime", nio,
                nioPosix, nioHTTP1, log, arguments, lifecycle, lifecycleSignals,
            ],
            swiftSettings: common
        ),
        .executableTarget(
            name: "postern-bench",
            dependencies: [
                "OverlayWire", "OverlayCrypto", "OverlayCore", "TrustCore", "HubCore", "OverlayNIO", "HubServer",
                "GatewayCore", "GatewayNIO", "CAllocationCounter", "CRuntime", nio, nioPosix, log, arguments,
            ],
            swiftSettings: common
        ),
        .executableTarget(
            name: "postern-sim",
            dependencies: ["OverlayWire", "OverlayCrypto", "OverlayCore", "Simulation", arguments],
            swiftSettings: common
        ),

        // Tests
        .testTarget(name: "HouseRulesTests", swiftSettings: common),
        .testTarget(name: "OverlayWireTests", dependencies: ["OverlayWire", "OverlayCrypto"], swiftSettings: common),
        .testTarget(name: "OverlayCryptoTests", dependencies: ["OverlayCrypto", "OverlayWire"], swiftSettings: common),
        .testTarget(
            name: "OverlayCoreTests",
            dependencies: ["OverlayCore", "OverlayCrypto", "OverlayWire"],
            swiftSettings: common
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["Simulation", "OverlayCore", "OverlayCrypto", "OverlayWire"],
            swiftSettings: common
        ),
        .testTarget(
            name: "TrustCoreTests",
            dependencies: ["TrustCore", "OverlayCrypto", "OverlayWire"],
            swiftSettings: common
        ),
        .testTarget(
            name: "HubCoreTests",
            dependencies: ["HubCore", "TrustCore", "OverlayCrypto", "OverlayWire"],
            swiftSettings: common
        ),
        .testTarget(
            name: "SidecarCoreTests",
            dependencies: ["SidecarCore", "HubCore", "TrustCore", "OverlayCrypto", "OverlayWire"],
            swiftSettings: common
        ),
        .testTarget(name: "GatewayCoreTests", dependencies: ["GatewayCore", "OverlayWire"], swiftSettings: common),
        .testTarget(
            name: "PosternConfigurationTests",
            dependencies: ["PosternConfiguration", "OverlayWire"],
            swiftSettings: common
        ),
        .testTarget(
            name: "OverlayNIOTests",
            dependencies: ["OverlayNIO", "OverlayCore", "OverlayCrypto", "OverlayWire", nio, nioPosix, log],
            swiftSettings: common
        ),
        .testTarget(
            name: "GatewayNIOTests",
            dependencies: [
                "GatewayNIO", "GatewayCore", "OverlayNIO", "OverlayCore", "OverlayCrypto", "OverlayWire", nio, nioPosix,
                log,
            ],
            swiftSettings: common
        ),
        .testTarget(
            name: "HubServerTests",
            dependencies: [
                "HubServer", "HubCore", "SidecarControl", "SidecarCore", "TrustCore", "OverlayNIO", "OverlayCore",
                "OverlayCrypto", "OverlayWire", nio, nioPosix, log,
            ],
            swiftSettings: common
        ),
        .testTarget(
            name: "SidecarControlTests",
            dependencies: [
                "SidecarControl", "SidecarCore", "TrustCore", "OverlayCrypto", "OverlayWire", nio, nioEmbedded,
                nioPosix,
                log,
            ],
            swiftSettings: common
        ),
    ]
)

// Fuzzing needs libFuzzer in every object, so its programs are built apart from the others:
// OVERLAY_FUZZ=1 swift build --scratch-path .build-fuzz -Xswiftc -sanitize=fuzzer -Xswiftc -sanitize=address
if Context.environment["OVERLAY_FUZZ"] != nil {
    let subjects: [(name: String, dependencies: [Target.Dependency])] = [
        ("FuzzFrames", ["OverlayWire"]),
        ("FuzzHandshake", ["OverlayWire", "OverlayCrypto", "OverlayCore"]),
        ("FuzzHTTP", ["OverlayWire", "GatewayCore"]),
        ("FuzzJSON", ["OverlayWire"]),
    ]
    package.targets.append(.target(name: "FuzzDriver", path: "Tests/Fuzz/FuzzDriver", swiftSettings: common))
    for subject in subjects {
        package.targets.append(
            .executableTarget(
                name: subject.name,
                dependencies: ["FuzzDriver"] + subject.dependencies,
                path: "Tests/Fuzz/\(subject.name)",
                swiftSettings: common
            )
        )
    }
}
