import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What a command says: one JSON document or text on standard output, errors on standard error.
struct Console {
    /// Whether documents are printed in place of text.
    let isJSON: Bool

    /// Prints the document of `answer`, or without `--json` the text that `text` makes of it.
    func show<Answer: Encodable>(_ answer: Answer, text: (Answer) -> String) {
        Self.print(isJSON ? JSONValue(encoding: answer).compactText : text(answer))
    }

    /// Tells why the command failed, on standard error; with `--json` by a document as well.
    func fail(_ failure: CommandFailure) {
        if isJSON {
            let document = failure.document.compactText
            failure.isOutputTaken ? Self.complain(document) : Self.print(document)
        }
        for line in failure.lines { Self.complain(Self.line(line)) }
    }

    /// Writes `text` and a line break to standard output at once, also into a pipe.
    static func print(_ text: String) {
        write(text + "\n", to: STDOUT_FILENO)
    }

    /// Writes `text` and a line break to standard error.
    static func complain(_ text: String) {
        write(text + "\n", to: STDERR_FILENO)
    }

    /// Whether a person can be asked: input and messages are a terminal's.
    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// Whether a person sees what is printed.
    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// Asks the person at the terminal; everything but a yes is a no.
    static func confirms(_ question: String) -> Bool {
        complain(question)
        let answer = readLine()?.lowercased() ?? ""
        return answer == "y" || answer == "yes"
    }

    /// What the person at the terminal answers; Enter alone means `usual`.
    static func answer(_ question: String, usual: String? = nil) -> String? {
        write("\(question) [\(usual ?? "none")] ", to: STDERR_FILENO)
        let answer = readLine()?.trimmingPrefix { $0 == " " } ?? ""
        return answer.isEmpty ? usual : String(answer)
    }

    /// What the person at the terminal types without seeing it. An interrupt ends the program, after the terminal was
    /// told to show again what is typed.
    static func secret(_ question: String) -> String {
        var shown = termios()
        guard tcgetattr(STDIN_FILENO, &shown) == 0 else {
            write(question + " ", to: STDERR_FILENO)
            return readLine() ?? ""
        }
        var silent = shown
        silent.c_lflag &= ~tcflag_t(ECHO | ISIG)
        // With this one the line ends as well, and it is the last of it.
        withUnsafeMutableBytes(of: &silent.c_cc) { $0[Int(VEOL)] = Self.interrupt }
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        // Only now: who answers at once is not seen either.
        write(question + " ", to: STDERR_FILENO)
        var line = [UInt8](repeating: 0, count: 4096)
        let count = max(read(STDIN_FILENO, &line, line.count), 0)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown)
        write("\n", to: STDERR_FILENO)
        if count > 0, line[count - 1] == Self.interrupt { raise(SIGINT) }
        let text = String(decoding: line.prefix(count).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        for index in line.indices { line[index] = 0 }
        return text
    }

    /// Ctrl-C, as terminals send it.
    private static let interrupt: UInt8 = 3

    /// `text` on one line.
    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    private static func write(_ text: String, to descriptor: CInt) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { systemWrite(descriptor, $0) }
            // Who closed our output does not want the rest.
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }

    private static func systemWrite(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
        Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
        Musl.write(descriptor, bytes.baseAddress, bytes.count)
        #else
        Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }
}
