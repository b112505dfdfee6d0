/// Where the instructions of a run went, from the file that callgrind writes
/// (https://valgrind.org/docs/manual/cl-format.html).
struct CallgrindProfile {
    /// Whose code it was.
    enum Owner: String, CaseIterable {
        /// This project, the packages that it uses and the Swift runtime.
        case ours = "Swift code"
        /// libsodium: another processor or release takes another number for the same bytes.
        case sodium = "libsodium"
        /// The C library and the dynamic linker, above all copying and allocating.
        case system = "C library"

        /// The owner of an object file.
        init(object: Substring) {
            let name = object.split(separator: "/").last ?? ""
            if name.hasPrefix("libsodium") {
                self = .sodium
            } else if ["libc.", "libm.", "ld-linux", "libgcc", "libstdc++", "vgpreload"].contains(where: name.hasPrefix)
            {
                self = .system
            } else {
                self = .ours
            }
        }
    }

    private(set) var instructions: [Owner: Int] = [:]

    /// Adds up the cost that `text` gives to each object's own code.
    init(_ text: String) throws {
        var owners: [Substring: Owner] = [:]
        var current = Owner.ours
        var isCostOfCall = false
        for line in text.utf8.split(separator: UInt8(ascii: "\n")).map({ Substring($0) }) {
            guard let first = line.utf8.first else { continue }
            switch first {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "*"):
                // What a call cost is the callee's, and counted there.
                if !isCostOfCall {
                    guard let cost = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
                        throw BenchError("callgrind wrote a line of cost that is none: \(line)")
                    }
                    instructions[current, default: 0] += cost
                }
                isCostOfCall = false
            case UInt8(ascii: "o") where line.hasPrefix("ob="):
                current = Self.owner(line.dropFirst(3), &owners)
            case UInt8(ascii: "c") where line.hasPrefix("cob="):
                _ = Self.owner(line.dropFirst(4), &owners)
            case UInt8(ascii: "c") where line.hasPrefix("calls="):
                isCostOfCall = true
            default:
                continue
            }
        }
        guard !instructions.isEmpty else { throw BenchError("callgrind wrote no costs") }
    }

    /// The owner of `(7) /path/to/object`, or of `(7)` once the path has been told.
    private static func owner(_ reference: Substring, _ owners: inout [Substring: Owner]) -> Owner {
        let parts = reference.split(separator: " ", maxSplits: 1)
        guard let number = parts.first else { return .ours }
        if parts.count == 2 { owners[number] = Owner(object: parts[1]) }
        return owners[number] ?? .ours
    }
}
