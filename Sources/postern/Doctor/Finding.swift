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
    let todo: String?

    private init(_ check: String, _ state: State, _ what: String, why: String?, todo: String?) {
        self.check = check
        self.state = state
        self.what = what
        self.why = why
        self.todo = todo
    }

    static func ok(_ check: String, _ what: String) -> Finding {
        Finding(check, .ok, what, why: nil, todo: nil)
    }

    static func note(_ check: String, _ what: String, why: String? = nil, todo: String? = nil) -> Finding {
        Finding(check, .note, what, why: why, todo: todo)
    }

    static func warning(_ check: String, _ what: String, why: String, todo: String) -> Finding {
        Finding(check, .warning, what, why: why, todo: todo)
    }

    static func broken(_ check: String, _ what: String, why: String, todo: String) -> Finding {
        Finding(check, .broken, what, why: why, todo: todo)
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
        if let todo { lines.append("\(indentation)what to do: \(todo)") }
        return lines.joined(separator: "\n")
    }
}
