import ArgumentParser
import Foundation
import PosternConfiguration
import PosternModel
import StateStore

/// `postern service`
struct ServiceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service",
        abstract: "Run the sidecar as a service of systemd: at every start, watched, with few rights.",
        subcommands: [ServiceInstallCommand.self, ServiceUninstallCommand.self]
    )
}

/// Which service manager is meant.
struct ServiceOptions: ParsableArguments {
    @Flag(name: .long, help: "A service of the system, not of this user; needs root.")
    var system = false

    /// Where the unit file lies.
    var path: String {
        if system { return "/etc/systemd/system/\(Self.unit)" }
        let environment = ProcessInfo.processInfo.environment
        let home = environment["HOME"] ?? NSHomeDirectory()
        let folder = environment["XDG_CONFIG_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? home + "/.config"
        return "\(folder)/systemd/user/\(Self.unit)"
    }

    static let unit = "postern.service"

    /// Runs `systemctl` with these words; why it failed, or nil.
    func systemctl(_ words: String...) -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["systemctl"] + (system ? [] : ["--user"]) + words
        let errors = Pipe()
        process.standardOutput = FileHandle.nullDevice
        process.standardError = errors
        do { try process.run() } catch { return "systemctl cannot be started: \(error)" }
        let told = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus != 0 else { return nil }
        let text = String(decoding: told, as: UTF8.self).split(separator: "\n").joined(separator: " ")
        return text.isEmpty ? "systemctl \(words.joined(separator: " ")) failed" : text
    }
}

/// `postern service install`
struct ServiceInstallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install",
        abstract: "Write the unit and start the sidecar, now and at every start of this user or (--system) host.",
        discussion: """
            The unit is hardened: the program may write into its state directory only, and gains no rights. Programs \
            of `kind: stdio` run inside of the same box. It takes over the variable \(PassphraseInput.variable), if set.
            """
    )

    @OptionGroup var service: ServiceOptions

    @Option(name: .long, help: ArgumentHelp("With --system: the user that it runs as.", valueName: "user"))
    var user = "postern"

    @Flag(name: .long, help: "Print the unit and do nothing.")
    var print = false

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let file = try sidecar.configuration()
        let unit = SystemdUnit(
            scope: service.system ? .system(user: user) : .user,
            program: DetachedSidecar.ownProgram ?? "/usr/bin/postern",
            config: try configuration(file.path),
            state: file.settings.state,
            passphraseFile: PassphraseInput.keyFile.map { URL(fileURLWithPath: $0).standardizedFileURL.path }
        )
        if print { return Console.print(String(unit.text.dropLast())) }
        let path = service.path
        do {
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(unit.text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw CommandFailure(
                .failed,
                code: "not-installed",
                message: "\(path) cannot be written: \(error.localizedDescription)",
                hint: service.system ? "run it as root" : "check the owner and the mode of the directory"
            )
        }
        if let reason = service.systemctl("daemon-reload") ?? service.systemctl("enable", "--now", ServiceOptions.unit)
        {
            throw CommandFailure(
                .failed,
                code: "not-started",
                message: "\(path) is written, but \(reason)",
                hint: "see `journalctl \(service.system ? "" : "--user ")-u \(ServiceOptions.unit)`"
            )
        }
        output.console.show(["unit": .string(path), "started": true] as JSONValue) { _ in
            let lingering = service.system ? "" : "; `loginctl enable-linger` lets it run without a login"
            let scope = service.system ? "" : "--user "
            return "\(path) is written and started: `systemctl \(scope)status postern`\(lingering)"
        }
    }

    /// The file, absolute: a service starts in another directory.
    private func configuration(_ path: String?) throws -> String {
        guard let path else {
            throw CommandFailure(
                .wrongUsage,
                code: "no-configuration",
                message: "there is no configuration file",
                hint: "`postern init` makes one, or name it with --config"
            )
        }
        return URL(fileURLWithPath: path).standardizedFileURL.path
    }
}

/// `postern service uninstall`
struct ServiceUninstallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall",
        abstract: "Stop the service and remove its unit; key, trust and configuration stay.",
        discussion: "With --state or --config only where the unit runs that sidecar."
    )

    @OptionGroup var service: ServiceOptions
    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let path = service.path
        let meant = sidecar.config == nil && sidecar.state == nil ? nil : try sidecar.stateDirectory().path
        guard FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure(
                .failed,
                code: "not-installed",
                message: "there is no unit \(path)",
                hint: service.system
                    ? "omit --system for the one of this user" : "give --system for the one of the host"
            )
        }
        let unit = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        if let meant, !SystemdUnit.runs(meant, in: unit) {
            throw CommandFailure(
                .failed,
                code: "not-installed",
                message: "\(path) runs another sidecar than that of \(meant)",
                hint: "see its line ExecStart, and name that state directory or none"
            )
        }
        let reason = service.systemctl("disable", "--now", ServiceOptions.unit)
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw CommandFailure(
                .failed,
                code: "not-removed",
                message: "\(path) cannot be removed: \(error.localizedDescription)",
                hint: service.system ? "run it as root" : "check the owner and the mode of the directory"
            )
        }
        _ = service.systemctl("daemon-reload")
        output.console.show(["unit": .string(path), "stopped": .bool(reason == nil)] as JSONValue) { _ in
            "\(path) is removed" + (reason.map { "; it may run on: \($0)" } ?? "")
        }
    }
}
