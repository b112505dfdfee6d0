/// A text as a picture that cameras read, drawn by libqrencode's program where that is installed.
enum QRCode {
    /// The picture in characters and colours of a terminal; nil: it cannot be drawn.
    static func drawn(_ text: String) -> String? { read(text, ["-t", "ANSIUTF8"]) }

    /// The picture as rows of `#` and blanks, without a margin; nil: it cannot be drawn.
    static func squares(_ text: String) -> [String]? {
        // Two signs are a square, since a terminal's are twice as high as wide.
        read(text, ["-t", "ASCII", "-m", "0"])?.split(separator: "\n").map { line in
            String(line.enumerated().filter { $0.offset % 2 == 0 }.map(\.element))
        }
    }

    // By standard input: what stands on a command line is for everybody to see.
    private static func read(_ text: String, _ form: [String]) -> String? {
        ProgramOutput.read("/usr/bin/env", ["qrencode", "-l", "L"] + form, input: text).map {
            String(decoding: $0, as: UTF8.self)
        }
    }
}
