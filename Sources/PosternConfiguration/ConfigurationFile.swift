import Foundation
package import PosternModel

/// A configuration that was read without a mistake, and where in its file each key stands.
package struct ConfigurationFile<Settings: Hashable & Sendable>: Sendable {
    /// The file as it was named; nil when there is none and the defaults hold.
    package let path: String?
    /// What it says.
    package var settings: Settings
    /// The lines of the keys that were given, by their path such as `expose[0].port`.
    let lines: [String: Int]

    /// Whether the file has something at `key`, a path such as `expose[0].port`.
    func isGiven(_ key: String) -> Bool { lines.keys.contains { $0 == key || $0.hasPrefix(key + ".") } }

    /// A mistake that shows only when the setting is used, such as an address that is taken.
    package func problem(
        at key: String,
        read: String,
        expected: String,
        hint: String? = nil
    ) -> Problem {
        Problem(
            file: path ?? "(no file)",
            line: lines[key],
            key: key,
            read: read,
            expected: expected,
            hint: hint
        )
    }
}

/// What the file of one kind of program says.
package protocol ConfigurationSettings: Hashable, Sendable {
    /// Its state directory, absolute.
    var state: String { get set }

    /// Reads the file at `path`, or with nil no file at all, from `text`. Throws every mistake in it.
    static func read(
        _ text: String,
        path: String?,
        surroundings: Surroundings
    ) throws(ConfigurationFailure) -> ConfigurationFile<Self>

    /// Where the file is looked for when none is named, the best place first. `state` is the state directory that the
    /// command line names.
    static func usualPaths(state: String?, surroundings: Surroundings) -> [String]
}

extension ConfigurationFile where Settings: ConfigurationSettings {
    /// Reads the file at `path`. Throws `ConfigurationFailure` with every mistake in it.
    package init(path: String, surroundings: Surroundings) throws(ConfigurationFailure) {
        let text = try Source.text(of: path, surroundings: surroundings)
        self = try Settings.read(text, path: path, surroundings: surroundings)
    }

    /// Reads a configuration from `text`; `path` names it in messages, and nil stands for no file at all.
    package init(text: String, path: String?, surroundings: Surroundings) throws(ConfigurationFailure) {
        self = try Settings.read(text, path: path, surroundings: surroundings)
    }

    /// Reads the file that holds: `named`, else the first of the usual places that has one, else the defaults.
    ///
    /// `state`, when given, is the state directory and wins over the file's own `state:`.
    package static func find(
        named: String?,
        state: String?,
        surroundings: Surroundings
    ) throws(ConfigurationFailure) -> ConfigurationFile {
        let directory = state.map { surroundings.absolute($0, from: surroundings.workingDirectory) }
        let usual = Settings.usualPaths(state: directory, surroundings: surroundings)
        let path = named ?? usual.first { FileManager.default.fileExists(atPath: $0) }
        var found: ConfigurationFile =
            if let path {
                try ConfigurationFile(path: path, surroundings: surroundings)
            } else {
                try ConfigurationFile(text: "", path: nil, surroundings: surroundings)
            }
        if let directory { found.settings.state = directory }
        return found
    }

    /// What `text` says along the table `section`, in the words of `read`.
    fileprivate init(
        _ text: String,
        path: String?,
        as section: Section,
        surroundings: Surroundings,
        read: (DocumentValue, _ directory: String) -> Settings
    ) throws(ConfigurationFailure) {
        let source = try Source(text: text, file: path ?? "(no file)", section: section)
        self.path = path
        lines = source.lines
        settings = read(source.document, Source.directory(of: path, surroundings: surroundings))
    }
}

extension ConfigurationFile<SidecarConfiguration> {
    /// The state directory that the file at `named`, or the first of the usual places that has one, speaks of, whatever
    /// else is in it: a mistake there keeps nobody from talking to what runs. Throws when `named` cannot be read.
    package static func stateDirectory(
        named: String?,
        surroundings: Surroundings
    ) throws(ConfigurationFailure) -> String {
        let usual = SidecarConfiguration.usualPaths(state: nil, surroundings: surroundings)
        guard let path = named ?? usual.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            return surroundings.stateDirectory
        }
        let text: String
        do throws(ConfigurationFailure) {
            text = try Source.text(of: path, surroundings: surroundings)
        } catch {
            if named != nil { throw error }
            return surroundings.stateDirectory
        }
        guard let state = Source.topLevelText("state", in: text) else { return surroundings.stateDirectory }
        return surroundings.absolute(state, from: Source.directory(of: path, surroundings: surroundings))
    }
}

extension SidecarConfiguration: ConfigurationSettings {
    /// Reads a sidecar's configuration, and refuses listeners that clash.
    package static func read(
        _ text: String,
        path: String?,
        surroundings: Surroundings
    ) throws(ConfigurationFailure) -> ConfigurationFile<SidecarConfiguration> {
        var file = try ConfigurationFile(text, path: path, as: .sidecar, surroundings: surroundings) {
            SidecarConfiguration($0, surroundings: surroundings, directory: $1)
        }
        if let problem = file.contradiction ?? file.readAuthorities() ?? file.readCardKeys() {
            throw ConfigurationFailure(problems: [problem])
        }
        return file
    }

    /// `DIR/postern.yaml`, `./postern.yaml` and `~/.config/postern/postern.yaml`.
    package static func usualPaths(state: String?, surroundings: Surroundings) -> [String] {
        [
            (state ?? surroundings.stateDirectory) + "/postern.yaml",
            surroundings.workingDirectory + "/postern.yaml",
            surroundings.home + "/.config/postern/postern.yaml",
        ]
    }
}

extension HubConfiguration: ConfigurationSettings {
    /// Reads a hub's configuration.
    package static func read(
        _ text: String,
        path: String?,
        surroundings: Surroundings
    ) throws(ConfigurationFailure) -> ConfigurationFile<HubConfiguration> {
        var file = try ConfigurationFile(text, path: path, as: .hub, surroundings: surroundings) {
            HubConfiguration($0, surroundings: surroundings, directory: $1)
        }
        if let problem = file.readCertificate() { throw ConfigurationFailure(problems: [problem]) }
        return file
    }

    /// `DIR/hub.yaml`.
    package static func usualPaths(state: String?, surroundings: Surroundings) -> [String] {
        [(state ?? surroundings.hubStateDirectory) + "/hub.yaml"]
    }
}
