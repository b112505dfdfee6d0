package import PosternModel

/// A sidecar's configuration file that is about to be changed: its text, and what it says.
///
/// A change is made in the text, so that comments and order stay, and counts only when the whole is read without a
/// mistake afterwards. Nothing is written to the disk here.
package struct ConfigurationDraft: Sendable {
    /// The file, absolute.
    package let path: String
    /// What it is to hold.
    package private(set) var text: String
    /// What that says.
    package private(set) var settings: SidecarConfiguration

    private let surroundings: Surroundings

    /// The file at `path` as it is. Throws every mistake in it.
    package init(path: String, surroundings: Surroundings) throws(ConfigurationFailure) {
        let absolute = surroundings.absolute(path, from: surroundings.workingDirectory)
        try self.init(
            text: try Source.text(of: absolute, surroundings: surroundings),
            path: absolute,
            surroundings: surroundings
        )
    }

    /// A draft of `text`, the file at `path` having it. Throws every mistake in it.
    init(text: String, path: String, surroundings: Surroundings) throws(ConfigurationFailure) {
        self.path = path
        self.text = text
        self.surroundings = surroundings
        settings = try SidecarConfiguration.read(text, path: path, surroundings: surroundings).settings
    }

    /// Adds a service to `expose:`. Throws what is wrong with it; nothing has changed then.
    package mutating func expose(_ entry: ListEntry) throws(Problem) {
        try add(entry, to: "expose", position: settings.expose.count)
    }

    /// Adds a service of a peer to `reach:`. Throws what is wrong with it; nothing has changed then.
    package mutating func reach(_ entry: ListEntry) throws(Problem) {
        try add(entry, to: "reach", position: settings.reach.count)
    }

    /// Removes the element `position` of `expose:`.
    package mutating func unexpose(_ position: Int) throws(Problem) { try remove(position, from: "expose") }

    /// Removes the element `position` of `reach:`.
    package mutating func unreach(_ position: Int) throws(Problem) { try remove(position, from: "reach") }

    private mutating func add(_ entry: ListEntry, to key: String, position: Int) throws(Problem) {
        guard let changed = ConfigurationEdit(text).adding(entry, to: key) else {
            throw notEditable(key, hint: "add it with an editor, and run `postern config check`: - \(entry.flow)")
        }
        try take(changed, from: "\(key)[\(position)]")
    }

    private mutating func remove(_ position: Int, from key: String) throws(Problem) {
        guard let changed = ConfigurationEdit(text).removing(position, from: key) else {
            throw notEditable(key, hint: "remove the entry with an editor, and run `postern config check`")
        }
        try take(changed, from: key)
    }

    /// Takes `changed` for the text; a mistake in it below `place` is one of what was asked for.
    private mutating func take(_ changed: String, from place: String) throws(Problem) {
        do throws(ConfigurationFailure) {
            settings = try SidecarConfiguration.read(changed, path: path, surroundings: surroundings).settings
            text = changed
        } catch {
            guard let problem = error.problems.first else { preconditionFailure("a failure has a problem") }
            guard let key = problem.location?.key, key.hasPrefix(place) else { throw problem }
            let name = key.dropFirst(place.count).drop { $0 == "." }
            throw Problem(
                code: "configuration",
                message: (name.isEmpty ? "" : "\(name): ") + problem.message,
                hint: (problem.hint.map { $0 + "; " } ?? "") + "\(path) was left as it is"
            )
        }
    }

    private func notEditable(_ key: String, hint: String) -> Problem {
        Problem(
            code: "not-editable",
            message: "`\(key)` in \(path) is written in a way that this command does not change",
            hint: hint
        )
    }
}
