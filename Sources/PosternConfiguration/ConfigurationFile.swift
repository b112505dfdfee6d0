import Foundation

/// A configuration that was read without a mistake, and where in its file each key stands.
package struct ConfigurationFile<Settings: Hashable & Sendable>: Sendable {
    /// The file as it was named; nil when there is none and the defaults hold.
    package let path: String?
    /// What it says.
    package var settings: Settings
    /// The lines of the keys that were given, by their path such as `expose[0].port`.
    let lines: [String: Int]

    /// A mistake that shows only when the setting is used, such as an address that is taken.
    package func problem(
        at key: String,
        read: String,
        expected: String,
        hint: String? = nil
    ) -> ConfigurationProblem {
        ConfigurationProblem(
            file: path ?? "(no file)",
            line: lines[key],
            key: key,
            read: read,
            expected: expected,
            hint: hint
        )
    }
}

extension ConfigurationFile where Settings == SidecarConfiguration {
    /// Reads a sidecar's file. Throws `ConfigurationFailure` with every mistake in it.
    package init(path: String, surroundings: Surroundings) throws(ConfigurationFailure) {
        try self.init(
            text: try Source.text(of: path, surroundings: surroundings),
            path: path,
            surroundings: surroundings
        )
    }

    /// Reads a sidecar's configuration from `text`; `path` names it in messages, and nil stands for no file at all.
    package init(text: String, path: String?, surroundings: Surroundings) throws(ConfigurationFailure) {
        let source = try Source(text: text, file: path ?? "(no file)", section: .sidecar)
        self.path = path
        lines = source.lines
        settings = SidecarConfiguration(
            source.document,
            surroundings: surroundings,
            directory: Source.directory(of: path, surroundings: surroundings)
        )
        if let problem = settings.clashingListener(in: self) { throw ConfigurationFailure(problems: [problem]) }
    }

    /// Reads the file that holds for a sidecar: the first that exists of `DIR/postern.yaml`, `./postern.yaml` and
    /// `~/.config/postern/postern.yaml`, unless `named` says which. Without any, the defaults hold.
    ///
    /// `state`, when given, is DIR and wins over the file's own `state:`.
    package static func find(
        named: String?,
        state: String?,
        surroundings: Surroundings
    ) throws(ConfigurationFailure) -> ConfigurationFile {
        let directory = state.map { surroundings.absolute($0, from: surroundings.workingDirectory) }
        let candidates = [
            (directory ?? surroundings.stateDirectory) + "/postern.yaml",
            surroundings.workingDirectory + "/postern.yaml",
            surroundings.home + "/.config/postern/postern.yaml",
        ]
        let path = named ?? candidates.first { FileManager.default.fileExists(atPath: $0) }
        var found: ConfigurationFile =
            if let path {
                try ConfigurationFile(path: path, surroundings: surroundings)
            } else {
                try ConfigurationFile(text: "", path: nil, surroundings: surroundings)
            }
        if let directory { found.settings.state = directory }
        return found
    }
}

extension ConfigurationFile where Settings == HubConfiguration {
    /// Reads a hub's file. Throws `ConfigurationFailure` with every mistake in it.
    package init(path: String, surroundings: Surroundings) throws(ConfigurationFailure) {
        try self.init(
            text: try Source.text(of: path, surroundings: surroundings),
            path: path,
            surroundings: surroundings
        )
    }

    /// Reads a hub's configuration from `text`; `path` names it in messages, and nil stands for no file at all.
    package init(text: String, path: String?, surroundings: Surroundings) throws(ConfigurationFailure) {
        let source = try Source(text: text, file: path ?? "(no file)", section: .hub)
        self.path = path
        lines = source.lines
        settings = HubConfiguration(
            source.document,
            surroundings: surroundings,
            directory: Source.directory(of: path, surroundings: surroundings)
        )
    }

    /// Reads the file that holds for a hub: `named`, else `DIR/hub.yaml` if it exists, else the defaults.
    ///
    /// `state`, when given, is DIR and wins over the file's own `state:`.
    package static func find(
        named: String?,
        state: String?,
        surroundings: Surroundings
    ) throws(ConfigurationFailure) -> ConfigurationFile {
        let directory = state.map { surroundings.absolute($0, from: surroundings.workingDirectory) }
        let usual = (directory ?? surroundings.hubStateDirectory) + "/hub.yaml"
        let path = named ?? (FileManager.default.fileExists(atPath: usual) ? usual : nil)
        var found: ConfigurationFile =
            if let path {
                try ConfigurationFile(path: path, surroundings: surroundings)
            } else {
                try ConfigurationFile(text: "", path: nil, surroundings: surroundings)
            }
        if let directory { found.settings.state = directory }
        return found
    }
}

extension SidecarConfiguration {
    /// The first local port of `reach` that the control API also wants.
    fileprivate func clashingListener(in file: ConfigurationFile<SidecarConfiguration>) -> ConfigurationProblem? {
        guard case .at(let control) = control, control.port != 0 else { return nil }
        guard let position = reach.firstIndex(where: { $0.listen == control }) else { return nil }
        return file.problem(
            at: "reach[\(position)].listen",
            read: "\(control), which control listens on",
            expected: "a port of its own"
        )
    }
}
