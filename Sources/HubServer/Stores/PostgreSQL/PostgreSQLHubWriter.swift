import HubCore
import PosternModel
import TrustCore

extension HubWrite {
    /// The statements by which PostgreSQL carries it out for `hub`.
    func calls(of hub: NodeKey) -> [PostgresConnection.Call] {
        switch self {
        case .tell(let notice):
            let (kind, subject) = notice.record
            return [.init(.tell, PostgresValue(hub.bytes), PostgresValue(kind), PostgresValue(subject))]
        case .register(let registration):
            return [
                .init(
                    .register,
                    PostgresValue(registration.key.bytes),
                    PostgresValue(registration.contacts.map(\.description).joined(separator: " ")),
                    PostgresValue(registration.registered),
                    PostgresValue(registration.seen),
                    PostgresValue(registration.homes.flatMap(\.bytes)),
                    PostgresValue(registration.keys?.storedText ?? "")
                )
            ]
        case .mark(let mark):
            return [.init(.mark, PostgresValue(mark.node.bytes), PostgresValue(mark.document.canonicalText))]
        case .deregister(let key):
            return [.init(.deregister, PostgresValue(key.bytes))]
        case .deposit(let mail, let target):
            return [Self.deposit(mail, for: target.bytes)]
        case .removeMail(let ids, let target):
            return [.init(.removeMail, PostgresValue(target.bytes), PostgresValue(list: ids.map(\.description)))]
        case .trimMail(let kind, let cost):
            return [.init(.trimMail, PostgresValue(kind.rawValue), PostgresValue(cost))]
        case .removeMailDeposited(let time):
            return [.init(.removeOldMail, PostgresValue(time))]
        case .extend(let state, let entries):
            let log = PostgresValue(state.id.hash.bytes)
            return [.init(.setLog, log, PostgresValue(state.document.canonicalText))]
                + entries.map { entry in
                    .init(
                        .addEntry,
                        log,
                        PostgresValue(entry.header.sequence),
                        PostgresValue(entry.hash.bytes),
                        PostgresValue(entry.document.canonicalText)
                    )
                }
        case .keepBoxes(let network, let key, let boxes): return [Self.keep(boxes, of: key, in: network)]
        case .removeBoxes(let network, let readers):
            let list = PostgresValue(list: readers.map(\.bytes))
            return [.init(.removeBoxes, PostgresValue(network.hash.bytes), list)]
        case .revoke(let key, let revocation, let limit):
            return [
                .init(
                    .revoke,
                    PostgresValue(key.pair.bytes),
                    PostgresValue(Int64(bitPattern: key.giver)),
                    PostgresValue(revocation.issued),
                    PostgresValue(revocation.signature),
                    PostgresValue(limit)
                )
            ]
        }
    }

    private static func keep(
        _ boxes: [NodeKey: [UInt8]],
        of key: NetworkHash,
        in network: NetworkID
    ) -> PostgresConnection.Call {
        let readers = boxes.keys.sorted()
        return .init(
            .keepBoxes,
            PostgresValue(network.hash.bytes),
            PostgresValue(key.bytes),
            PostgresValue(list: readers.map(\.bytes)),
            PostgresValue(list: readers.map { boxes[$0] ?? [] })
        )
    }

    private static func deposit(_ mail: StoredMail, for target: [UInt8]) -> PostgresConnection.Call {
        let standing = mail.standing
        return .init(
            .deposit,
            PostgresValue(target),
            PostgresValue(mail.id.description),
            PostgresValue(mail.sealed),
            PostgresValue(mail.deposited),
            PostgresValue(standing.kind.rawValue),
            PostgresValue(Int64(bitPattern: standing.sender)),
            PostgresValue(Int64(bitPattern: standing.network)),
            PostgresValue(standing.work),
            PostgresValue(mail.header.cost)
        )
    }
}
