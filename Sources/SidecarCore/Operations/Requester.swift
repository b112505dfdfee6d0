package import PosternModel
import TrustCore

/// Who asks for an operation.
package enum Requester: Hashable, Sendable {
    /// The operator: by the command line, the status page, or a program that has the token.
    case owner
    /// The agent, by the name that its MCP client gives itself, which proves nothing.
    case agent(String)

    /// What the audit trail says beside what was done; nil for the operator.
    var auditText: String? {
        switch self {
        case .owner: nil
        case .agent(let name): "agent " + PlainText.clean(name, limit: 64)
        }
    }
}

extension Sidecar {
    /// Does `operation`; its answer or failure is among the actions, now or later.
    package mutating func perform(
        _ operation: some Operation,
        by requester: Requester = .owner,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        let outline = type(of: operation).outline
        if case .trusts = outline.effect, book.outdated != nil { return [.fail(id, .outdated)] }
        do {
            let actions = try operation.perform(on: &self, id: id, at: now, seeing: view)
            return attribute(actions, of: outline, to: requester) + fetchWithheld()
        } catch {
            return [.fail(id, error)]
        }
    }

    /// The agent asked for what the configuration does not let it do: recorded once in a while for each tool, however
    /// often it tries (R11).
    package mutating func noteAgentRefused(_ tool: String, by requester: Requester, at now: Clocks) -> [SidecarAction] {
        let refused = Refused(peer: key, port: SidecarPort.control, method: tool)
        if let last = refusals[refused], now.instant - last < settings.refusalInterval { return [] }
        if refusals.count >= settings.refusalCount { refusals.removeAll() }
        refusals[refused] = now.instant
        var event = AuditEvent(.agentRefused, actor: key, subject: PlainText.clean(tool, limit: 64))
        event.via = requester.auditText
        return [.audit(event)]
    }

    /// The actions with who asked in what they record. What is recorded only later, when hubs and peers have answered,
    /// has an entry of its own before it (S3).
    private func attribute(
        _ actions: [SidecarAction],
        of outline: OperationOutline,
        to requester: Requester
    ) -> [SidecarAction] {
        guard let via = requester.auditText else { return actions }
        let attributed = actions.recorded(via: via)
        switch outline.effect {
        case .reports, .reads, .acts: return attributed
        case .changes, .withdraws, .trusts: break
        }
        if attributed.contains(where: \.isRecord) { return attributed }
        var event = AuditEvent(.agentAsked, actor: key, subject: outline.path)
        event.via = via
        return [.audit(event)] + attributed
    }
}

extension [SidecarAction] {
    /// The same, where the audit trail says beside each event who or what asked for it.
    func recorded(via: String) -> [SidecarAction] {
        map { action in
            guard case .audit(var event) = action else { return action }
            event.via = via
            return .audit(event)
        }
    }
}

extension SidecarAction {
    fileprivate var isRecord: Bool { if case .audit = self { true } else { false } }
}
