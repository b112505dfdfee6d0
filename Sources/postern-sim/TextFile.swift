import ArgumentParser
import Foundation

/// Whole files of text, with errors that name them.
enum TextFile {
    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    static func read(_ path: String) throws -> String {
        do {
            return try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw ValidationError("\(path) cannot be read: \(error.localizedDescription)")
        }
    }

    static func write(_ text: String, to path: String) throws {
        do {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw ValidationError("\(path) cannot be written: \(error.localizedDescription)")
        }
    }
}

/// A file that is written as it comes, in large pieces.
final class LineFile {
    private let handle: FileHandle
    private var pending = Data()

    private static let pieceSize = 1 << 20

    init(creating path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let handle = FileHandle(forWritingAtPath: path)
        else {
            throw ValidationError("\(path) cannot be written.")
        }
        self.handle = handle
    }

    func write(_ text: String) {
        pending.append(contentsOf: text.utf8)
        if pending.count >= Self.pieceSize { flush() }
    }

    func close() {
        flush()
        try? handle.close()
    }

    private func flush() {
        // A disk that is full shows in the size of the file; the run goes on.
        try? handle.write(contentsOf: pending)
        pending.removeAll(keepingCapacity: true)
    }
}
