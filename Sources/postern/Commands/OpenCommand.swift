import ArgumentParser
import Foundation
import PosternModel
import SidecarControl
import StateStore

/// `postern open`
struct OpenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "open",
        abstract: "Show the status page in a browser.",
        discussion: """
            Prints a link that is good once and for a minute, and opens it where there is a desktop. The browser that \
            comes by it may read the page for twelve hours; other users of this machine may not.
            """
    )

    @Flag(name: .long, help: "Only print the link.")
    var noBrowser = false

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        restrictNewFiles()
        let url = try await sidecar.withClient { try await $0.pageLink() }
        output.console.show(["url": .string(url)] as JSONValue) { _ in url }
        guard !noBrowser, !output.json, let browser = Self.browser else { return }
        try show(url, with: browser)
    }

    /// The program that opens a file in the user's browser; nil where there is no desktop.
    private static var browser: String? {
        #if canImport(Darwin)
        return "/usr/bin/open"
        #else
        let environment = ProcessInfo.processInfo.environment
        guard environment["DISPLAY"] != nil || environment["WAYLAND_DISPLAY"] != nil else { return nil }
        let path = "/usr/bin/xdg-open"
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
        #endif
    }

    /// Opens a page that leads to `url`: what stands on a command line is for everybody to see, the page is not.
    private func show(_ url: String, with browser: String) throws {
        let path = try sidecar.stateDirectory().openPagePath
        let page = "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=\"0;url=\(url)\">\n"
        do {
            try StateFile.replace(path, with: Array(page.utf8), isDurable: false)
            let process = Process()
            process.executableURL = URL(fileURLWithPath: browser)
            process.arguments = [path]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
        } catch {
            throw CommandFailure(
                .failed,
                code: "no-browser",
                message: "the browser could not be started: \(error)",
                hint: "open the link above yourself"
            )
        }
    }
}
