/// What may stand behind a key. The tables made of these are the only description of a configuration file: the
/// validator, the JSON Schema and the commented file that `postern init` writes all follow them.
indirect enum Shape: Sendable {
    /// A text of one form.
    case text(TextForm)
    /// One word out of a few.
    case choice([String])
    /// True or false.
    case flag
    /// A whole number.
    case integer(ClosedRange<Int>)
    /// A list, at most `limit` long, of things of one shape; `distinct` says which keys of its sections, or with an
    /// empty name which texts, come only once.
    case list(Shape, distinct: [String], limit: Int)
    /// At most `limit` names, each with a text.
    case texts(names: TextForm, values: TextForm, limit: Int)
    /// Keys and values.
    case section(Section)
    /// A text of one form, which is short for the section with it.
    case textOrSection(TextForm, Section)
}

/// A group of keys: the file itself, or what stands behind a key such as `log`.
struct Section: Sendable {
    /// The keys that this version honours.
    let keys: [Key]
    /// Of each of these groups exactly one key is given.
    var exactlyOne: [[String]] = []
    /// Keys that another key's value makes necessary.
    var requirements: [Requirement] = []
    /// Forms that depend on another key's value.
    var conditions: [Condition] = []

    /// The honoured key called `name`.
    func key(_ name: String) -> Key? { keys.first { $0.name == name } }
}

/// When `key` is one of `values`, `subject` is required.
struct Requirement: Sendable {
    let key: String
    let values: [String]
    let subject: String
}

/// When `key` is one of `values`, `subject` has the form `form`, or with no form may not be given.
struct Condition: Sendable {
    let key: String
    let values: [String]
    let subject: String
    let form: TextForm?
}

/// One key of a configuration file.
struct Key: Sendable {
    /// As it is written.
    let name: String
    /// What may stand behind it.
    let shape: Shape
    /// What it means, in one line.
    let summary: String
    /// Whether its absence is a mistake.
    var isRequired = false
    /// The value that its absence means.
    var fallback: Fallback = .none
    /// Whether it is left out of the commented file, since it belongs to another value of a key that is shown.
    var isAlternative = false
    /// A value for the commented file, where the default does not show how one looks.
    var example: String?
}

/// What the absence of a key means.
enum Fallback: Hashable, Sendable {
    /// Nothing is set.
    case none
    /// This text, as if it stood in the file.
    case text(String)
    /// An empty list.
    case empty
    /// What can only be told on the machine, in words: the host's name.
    case told(String)
}
