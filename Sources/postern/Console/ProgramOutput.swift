import Foundation

/// What another program makes of a text.
enum ProgramOutput {
    /// What `program` prints on standard output for `input`; nil: it is not there, or has failed. Waits for its end.
    static func read(_ program: String, _ arguments: [String], input: String = "", mayFail: Bool = false) -> Data? {
        // A program that reads nothing is no reason to end with it.
        signal(SIGPIPE, SIG_IGN)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let (toProcess, fromProcess) = (Pipe(), Pipe())
        process.standardInput = toProcess
        process.standardOutput = fromProcess
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        try? toProcess.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try? toProcess.fileHandleForWriting.close()
        let printed = fromProcess.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard mayFail || process.terminationStatus == 0, !printed.isEmpty else { return nil }
        return printed
    }
}
