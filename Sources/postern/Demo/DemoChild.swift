import Foundation
import PosternModel
import Synchronization

/// A `postern` that the demonstration started. It ends with the demonstration in every case: it is told to by a signal,
/// and should the demonstration be killed, by the end of its standard input.
final class DemoChild: Sendable {
    private let name: String
    private let process: Mutex<Process>
    private let input = Pipe()
    private let log: URL
    private let lines: AsyncStream<String>

    /// Starts `postern` with `arguments`; its log goes to `folder`.
    init(_ name: String, _ arguments: [String], program: URL, folder: URL) throws {
        self.name = name
        log = folder.appendingPathComponent("\(name).log")
        try Data().write(to: log)
        let output = Pipe()
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = output
        process.standardError = try FileHandle(forWritingTo: log)
        let (lines, continuation) = AsyncStream.makeStream(of: String.self)
        self.lines = lines
        try process.run()
        self.process = Mutex(process)
        Self.read(output.fileHandleForReading, into: continuation)
    }

    /// Hands on what comes, line by line, until the end. On a thread of its own: a readability handler is not told of
    /// every end of a pipe, and who waits for the end then waits for ever.
    private static func read(_ output: FileHandle, into continuation: AsyncStream<String>.Continuation) {
        Thread.detachNewThread {
            var partial = Data()
            while case let data = output.availableData, !data.isEmpty {
                partial += data
                while let end = partial.firstIndex(of: UInt8(ascii: "\n")) {
                    continuation.yield(String(decoding: partial[..<end], as: UTF8.self))
                    partial = Data(partial[partial.index(after: end)...])
                }
            }
            continuation.finish()
        }
    }

    /// The document of the READY line. Throws with the log's end when the program ends or is silent for 20 s.
    func ready() async throws -> JSONValue {
        let deadline = Task {
            try await Task.sleep(for: .seconds(20))
            terminate()
        }
        defer { deadline.cancel() }
        for await line in lines where line.hasPrefix("READY ") {
            if let document = try? JSONValue(parsing: String(line.dropFirst("READY ".count))) { return document }
        }
        throw failure("did not become ready")
    }

    /// Everything on standard output of a program that ends by itself. Throws when it ends with anything but 0.
    func output() async throws -> JSONValue {
        var text = ""
        for await line in lines { text += line + "\n" }
        let status = process.withLock { process in
            process.waitUntilExit()
            return process.terminationStatus
        }
        guard status == 0, let document = try? JSONValue(parsing: text) else { throw failure("failed") }
        return document
    }

    /// Asks the program to end.
    func terminate() {
        process.withLock { if $0.isRunning { $0.terminate() } }
    }

    /// Waits until the program has ended, and kills it when it takes more than 8 s.
    func end() async {
        terminate()
        try? input.fileHandleForWriting.close()
        for _ in 0..<160 {
            guard process.withLock({ $0.isRunning }) else { return }
            try? await Task.sleep(for: .milliseconds(50))
        }
        process.withLock { process in
            guard process.isRunning else { return }
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }

    private func failure(_ what: String) -> CommandFailure {
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        let tail = text.split(separator: "\n").suffix(3).joined(separator: " | ")
        return CommandFailure(
            .failed,
            code: "demo",
            message: "\(name) \(what): \(tail.isEmpty ? "it said nothing" : tail)",
            hint: "if this stays so, it is a fault of postern: please report it with these lines"
        )
    }
}
