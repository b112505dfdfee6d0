/// The unit by which systemd runs a sidecar, with no more rights than it needs.
struct SystemdUnit {
    /// Whose service manager has it.
    enum Scope: Hashable {
        case user
        case system(user: String)
    }

    let scope: Scope
    /// The `postern` program, absolute.
    let program: String
    /// The configuration file, absolute.
    let config: String
    /// The state directory, absolute.
    let state: String
    /// The file with the passphrase of the key, absolute; nil where it has none.
    var passphraseFile: String?

    /// The unit file.
    var text: String { [head, service, sandbox, tail].joined(separator: "\n") }

    /// Whether the unit file `text` runs the sidecar of the state directory `state`.
    static func runs(_ state: String, in text: String) -> Bool {
        text.split(separator: "\n").contains { $0.hasPrefix("ExecStart=") && $0.hasSuffix(" --state \(quoted(state))") }
    }

    private var head: String {
        """
        [Unit]
        Description=Postern sidecar
        Wants=network-online.target
        After=network-online.target

        """
    }

    private var service: String {
        let user =
            switch scope {
            case .user: ""
            case .system(let user): "User=\(user)\n"
            }
        let environment = passphraseFile.map { path in
            // A dollar sign means nothing there (systemd.exec(5)).
            "Environment=\(Self.quoted("\(PassphraseInput.variable)=\(path)").replacing("$$", with: "$"))\n"
        }
        let command = "\(Self.quoted(program)) up --config \(Self.quoted(config)) --state \(Self.quoted(state))"
        return """
            [Service]
            Type=notify
            \(user)\(environment ?? "")ExecStart=\(command)
            ExecReload=/bin/kill -HUP $MAINPID
            WatchdogSec=30s
            Restart=on-failure
            RestartSec=1s
            TimeoutStopSec=15s
            LimitNOFILE=65536
            LimitMEMLOCK=64M
            UMask=0077

            """
    }

    /// What a sidecar does without. Programs of `kind: stdio` live in the same box.
    private var sandbox: String {
        var lines = [
            "NoNewPrivileges=yes", "ProtectSystem=strict", "ReadWritePaths=\(Self.quoted(state))",
            "PrivateTmp=yes", "LockPersonality=yes", "RestrictRealtime=yes", "RestrictSUIDSGID=yes",
            "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK", "SystemCallArchitectures=native",
        ]
        if case .system = scope {
            lines += [
                "CapabilityBoundingSet=", "PrivateDevices=yes", "ProtectClock=yes", "ProtectControlGroups=yes",
                "ProtectHostname=yes", "ProtectKernelLogs=yes", "ProtectKernelModules=yes",
                "ProtectKernelTunables=yes", "RestrictNamespaces=yes",
            ]
            if state.hasPrefix(Self.systemStates) {
                lines.append("StateDirectory=\(state.dropFirst(Self.systemStates.count))")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var tail: String {
        let target =
            switch scope {
            case .user: "default.target"
            case .system: "multi-user.target"
            }
        return "[Install]\nWantedBy=\(target)\n"
    }

    /// Where systemd keeps the state of system services (`StateDirectory=`).
    private static let systemStates = "/var/lib/"

    /// `path` as one word of a command line of systemd's (systemd.service(5)).
    static func quoted(_ path: String) -> String {
        let escaped = path.replacing("%", with: "%%").replacing("$", with: "$$")
        guard escaped.contains(where: { " \t\"'\\;".contains($0) }) else { return escaped }
        return "\"" + escaped.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
