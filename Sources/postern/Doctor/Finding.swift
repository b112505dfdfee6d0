/// One thing that the doctor has looked at.
struct Finding: Codable, Hashable, Sendable {
    /// How it stands.
    enum State: String, Codable, Hashable, Sendable {
        /// As it should be.
        case ok
        /// Not wrong, and worth knowing.
        case note
        /// It works, with less than it could.
        case warning
        /// Something does not work.
        case broken
    }

    /// What was looked at, in a word or two.
    let check: String
    let state: State
    /// What was found.
    let what: String
    /// Why it matters.
    let why: String?
    /// What to do about it.
    let hint: String?

    private init(_ check: String, _ state: State, _ what: String, why: String?, hint: String?) {
        self.check = check
        self.state = state
        self.what = what
        self.why = why
        self.hint = hint
    }

    static func ok(_ check: String, _ what: String) -> Finding {
        Finding(check, .ok, what, why: nil, hint: nil)
    }

    static func note(_ check: String, _ what: String, why: String? = nil, hint: String? = nil) -> Finding {
        Finding(check, .note, what, why: why, hint: hint)
    }

    static func warning(_ check: String, _ what: String, why: String, hint: String) -> Finding {
        Finding(check, .warning, what, why: why, hint: hint)
    }

    static func broken(_ check: String, _ what: String, why: String, hint: String) -> Finding {
        Finding(check, .broken, what, why: why, hint: hint)
    }

    /// The finding in lines for people.
    var text: String {
        let word =
            switch state {
            case .ok: "ok"
            case .note: "note"
            case .warning: "WARNING"
            case .broken: "BROKEN"
            }
        let lead = word + String(repeating: " ", count: 9 - word.count)
        let indentation = String(repeating: " ", count: lead.count)
        var lines = ["\(lead)\(check): \(what)"]
        if let why { lines.append("\(indentation)why it matters: \(why)") }
        if let hint { lines.append("\(indentation)what to do: \(hint)") }
        return lines.joined(separator: "\n")
    }
}
