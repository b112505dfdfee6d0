/// Reads JSON (RFC 8259) while it comes, strictly: what it lets pass means the same to every parser. It keeps nothing
/// of the text but the last string or number, and of that no more than `textLimit` bytes.
struct JSONTokenizer {
    enum Token: Equatable {
        case beginObject
        case endObject
        case beginArray
        case endArray
        /// The name of a member; `text` has it.
        case key
        /// `text` has it, without its escapes.
        case string
        /// `null`, `true`, `false` or a number; `text` has it as it is written.
        case scalar
    }

    enum Fault: Error, Equatable {
        case syntax
        /// Not UTF-8, or half of a surrogate pair.
        case text
        case tooDeep
    }

    private enum State {
        /// A value has to come; `orEnd` says that the array may also end.
        case value(orEnd: Bool)
        /// A member has to come; `orEnd` says that the object may also end.
        case member(orEnd: Bool)
        case colon
        /// A value has ended.
        case behindValue
        case string(StringState)
        case number(JSONNumberState)
        /// What is left of `null`, `true` or `false`.
        case word(StaticString, Int)
    }

    private struct StringState {
        let isKey: Bool
        var decoder = JSONStringDecoder()
    }

    /// Arrays and objects inside one another.
    static let depthLimit = 64

    private let textLimit: Int
    private var state = State.value(orEnd: false)
    /// A bit for each open array or object, the innermost lowest; set for an object.
    private var objects: UInt64 = 0
    /// How many arrays and objects are open.
    private(set) var depth = 0
    /// The last string or scalar.
    private(set) var text: [UInt8] = []
    /// Where in its input the last string began, at its quotation mark.
    private(set) var textStart = 0
    /// Whether `text` is all of it.
    private(set) var isTextWhole = true

    init(textLimit: Int = 4096) {
        self.textLimit = textLimit
    }

    /// Whether the document is complete and nothing of it was left open.
    var isComplete: Bool {
        switch state {
        case .behindValue: depth == 0
        case .number(let number): depth == 0 && number.isWhole
        case .value, .member, .colon, .string, .word: false
        }
    }

    /// Whether the input was used up in a string that is no name.
    var isInValue: Bool {
        if case .string(let string) = state { !string.isKey } else { false }
    }

    /// Reads on at `position`; nil when the input is used up.
    mutating func next(_ input: Span<UInt8>, _ position: inout Int) throws(Fault) -> Token? {
        while position < input.count {
            switch state {
            case .string(var string):
                let ended = try read(&string, input, &position)
                if !ended {
                    state = .string(string)
                    return nil
                }
                state = string.isKey ? .colon : .behindValue
                return string.isKey ? .key : .string
            case .number(var number):
                let octet = input[position]
                if number.take(octet) {
                    append(octet)
                    position += 1
                    state = .number(number)
                    continue
                }
                guard number.isWhole else { throw .syntax }
                state = .behindValue
                return .scalar
            case .word(let word, let taken):
                guard input[position] == word.utf8Start[taken] else { throw .syntax }
                append(input[position])
                position += 1
                guard taken + 1 == word.utf8CodeUnitCount else {
                    state = .word(word, taken + 1)
                    continue
                }
                state = .behindValue
                return .scalar
            case .value, .member, .colon, .behindValue:
                let octet = input[position]
                position += 1
                // RFC 8259 §2: white space.
                if octet == 0x20 || octet == 0x0a || octet == 0x0d || octet == 0x09 { continue }
                if octet == UInt8(ascii: "\"") { textStart = position - 1 }
                if let token = try takeStructure(octet) { return token }
            }
        }
        return nil
    }

    private mutating func takeStructure(_ octet: UInt8) throws(Fault) -> Token? {
        switch state {
        case .value(let orEnd):
            if orEnd, octet == UInt8(ascii: "]") { return try close(isObject: false) }
            return try beginValue(octet)
        case .member(let orEnd):
            if orEnd, octet == UInt8(ascii: "}") { return try close(isObject: true) }
            guard octet == UInt8(ascii: "\"") else { throw .syntax }
            beginText()
            state = .string(StringState(isKey: true))
        case .colon:
            guard octet == UInt8(ascii: ":") else { throw .syntax }
            state = .value(orEnd: false)
        case .behindValue:
            guard depth > 0 else { throw .syntax }
            switch octet {
            case UInt8(ascii: ","): state = isInObject ? .member(orEnd: false) : .value(orEnd: false)
            case UInt8(ascii: "}"): return try close(isObject: true)
            case UInt8(ascii: "]"): return try close(isObject: false)
            case _: throw .syntax
            }
        case .string, .number, .word: preconditionFailure("these states read by themselves")
        }
        return nil
    }

    private mutating func beginValue(_ octet: UInt8) throws(Fault) -> Token? {
        switch octet {
        case UInt8(ascii: "{"):
            try open(isObject: true)
            state = .member(orEnd: true)
            return .beginObject
        case UInt8(ascii: "["):
            try open(isObject: false)
            state = .value(orEnd: true)
            return .beginArray
        case UInt8(ascii: "\""):
            beginText()
            state = .string(StringState(isKey: false))
        case UInt8(ascii: "t"): beginWord("true")
        case UInt8(ascii: "f"): beginWord("false")
        case UInt8(ascii: "n"): beginWord("null")
        case _:
            var number = JSONNumberState.start
            guard number.take(octet) else { throw .syntax }
            beginText()
            append(octet)
            state = .number(number)
        }
        return nil
    }

    private mutating func beginWord(_ word: StaticString) {
        beginText()
        append(word.utf8Start[0])
        state = .word(word, 1)
    }

    private var isInObject: Bool { objects & 1 == 1 }

    private mutating func open(isObject: Bool) throws(Fault) {
        guard depth < Self.depthLimit else { throw .tooDeep }
        depth += 1
        objects = objects << 1 | (isObject ? 1 : 0)
    }

    private mutating func close(isObject: Bool) throws(Fault) -> Token {
        guard isInObject == isObject else { throw .syntax }
        depth -= 1
        objects >>= 1
        state = .behindValue
        return isObject ? .endObject : .endArray
    }

    private mutating func beginText() {
        text.removeAll(keepingCapacity: true)
        isTextWhole = true
    }

    private mutating func append(_ octet: UInt8) {
        if text.count < textLimit { text.append(octet) } else { isTextWhole = false }
    }

    /// Reads on in a string; true when it ended.
    private mutating func read(
        _ string: inout StringState,
        _ input: Span<UInt8>,
        _ position: inout Int
    ) throws(Fault) -> Bool {
        while position < input.count {
            let octet = input[position]
            position += 1
            switch try string.decoder.take(octet) {
            case .plain: append(octet)
            case .decoded(let scalar): for octet in String(scalar).utf8 { append(octet) }
            case .pending: break
            case .end: return true
            }
        }
        return false
    }
}
