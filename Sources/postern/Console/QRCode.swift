import Foundation

/// A text as a picture that cameras read, drawn by libqrencode's program where that is installed.
enum QRCode {
    /// The picture in characters and colours of a terminal; nil: it cannot be drawn.
    static func drawn(_ text: String) -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // By standard input: what stands on a command line is for everybody to see.
        process.arguments = ["qrencode", "-t", "ANSIUTF8", "-l", "L"]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        try? input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        try? input.fileHandleForWriting.close()
        let drawn = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0, !drawn.isEmpty else { return nil }
        return String(decoding: drawn, as: UTF8.self)
    }
}
