import Dispatch
import Foundation
import NIOCore
import PosternModel
import Synchronization

/// What other programs do for the status page, one run at a time: they may take seconds, for which no loop waits.
final class PageHelp: Sendable {
    /// The longest text for a code, which has room for about 2 900 bytes.
    private static let textLimit = 2_900

    private let state: String
    private let file: String?
    private let queue = DispatchQueue(label: "page help")
    /// Runs that are asked for and not over.
    private let waiting = Mutex(0)
    private static let waitingLimit = 8

    /// For the sidecar on this state directory, with this configuration file.
    init(state: String, file: String?) {
        self.state = state
        self.file = file
    }

    /// What `postern doctor --json` prints.
    func findings(on loop: any EventLoop) -> EventLoopFuture<JSONValue> {
        let own = CommandLine.arguments.first ?? "postern"
        let program = FileManager.default.fileExists(atPath: "/proc/self/exe") ? "/proc/self/exe" : own
        let arguments = ["doctor", "--json", "--state", state] + (file.map { ["--config", $0] } ?? [])
        return run(on: loop) {
            // It fails where it finds something broken.
            let printed = ProgramOutput.read(program, arguments, mayFail: true)
            let document = printed.flatMap { try? JSONValue(parsing: Array($0)) }
            guard let document, document["findings"] != nil else {
                throw Problem(
                    code: "no-doctor",
                    message: "the doctor has said nothing that can be read",
                    hint: "run `postern doctor` in a terminal"
                )
            }
            return document
        }
    }

    /// `text` as rows of dark and light squares, `#` and blank; null where `qrencode` is not installed.
    func code(of text: String, on loop: any EventLoop) -> EventLoopFuture<JSONValue> {
        guard !text.isEmpty, text.utf8.count <= Self.textLimit else {
            return loop.makeFailedFuture(
                Problem(
                    code: "bad-arguments",
                    message: "a code has room for 1 to \(Self.textLimit) bytes of `text`",
                    hint: "show the text itself"
                )
            )
        }
        return run(on: loop) {
            let rows = QRCode.squares(text)
            return ["rows": rows.map { .texts($0) } ?? .null]
        }
    }

    private func run(
        on loop: any EventLoop,
        _ work: @escaping @Sendable () throws -> JSONValue
    ) -> EventLoopFuture<JSONValue> {
        let promise = loop.makePromise(of: JSONValue.self)
        let hasRoom = waiting.withLock { count in
            guard count < Self.waitingLimit else { return false }
            count += 1
            return true
        }
        guard hasRoom else {
            promise.fail(Problem(code: "busy", message: "others have asked before", hint: "try again in a moment"))
            return promise.futureResult
        }
        queue.async {
            promise.completeWith(Result(catching: work))
            self.waiting.withLock { $0 -= 1 }
        }
        return promise.futureResult
    }
}
