import Foundation
import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What the machine tells: where a configuration may lie and what its defaults mean.
package struct Surroundings: Hashable, Sendable {
    /// The user's home directory; empty when nobody knows one.
    package var home: String
    /// Where the program was started.
    package var workingDirectory: String
    /// The host's name.
    package var hostName: String

    package init(home: String, workingDirectory: String, hostName: String) {
        self.home = home
        self.workingDirectory = workingDirectory
        self.hostName = hostName
    }

    /// Those of this process.
    package static var process: Surroundings {
        Surroundings(
            home: home(in: ProcessInfo.processInfo.environment["HOME"]),
            workingDirectory: FileManager.default.currentDirectoryPath,
            hostName: ProcessInfo.processInfo.hostName
        )
    }

    /// The name of a node that is given none: the first part of the host's name, or `postern` when nothing of that can
    /// stand in a name.
    package var nodeName: String { HostName.label(from: hostName.prefix { $0 != "." }) ?? "postern" }

    /// The state directory of a sidecar that is told no other.
    package var stateDirectory: String { absolute(Self.fallbackState(of: .sidecar), from: workingDirectory) }

    /// The state directory of a hub that is told no other.
    package var hubStateDirectory: String { absolute(Self.fallbackState(of: .hub), from: workingDirectory) }

    /// What `variable` says, or else what the system knows of the user; empty when neither is an absolute path.
    private static func home(in variable: String?) -> String {
        if let variable, variable.hasPrefix("/") { return variable }
        guard let entry = getpwuid(geteuid()), let directory = entry.pointee.pw_dir else { return "" }
        let home = String(cString: directory)
        return home.hasPrefix("/") ? home : ""
    }

    /// `path` with `~` replaced and, when it is relative, beginning at `directory`. A path in a home that is not known
    /// stays as it is, and is not absolute.
    package func absolute(_ path: String, from directory: String) -> String {
        var path = path
        if home.isEmpty, path == "~" || path.hasPrefix("~/") { return path }
        if path == "~" { path = home }
        if path.hasPrefix("~/") { path = home + path.dropFirst() }
        if !path.hasPrefix("/") { path = directory + "/" + path }
        return URL(fileURLWithPath: path).standardizedFileURL.path
    }

    private static func fallbackState(of section: Section) -> String {
        guard case .text(let path)? = section.key("state")?.fallback else {
            preconditionFailure("the table has a default for state")
        }
        return path
    }
}
