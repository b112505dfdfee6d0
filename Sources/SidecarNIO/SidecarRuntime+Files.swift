import Logging
import NIOCore
import OverlayCrypto
import OverlayNIO
import PosternModel
import SidecarCore
import StateStore
import TrustCore

// The files of the sidecar, which are written on a queue of their own while packets go on.
extension SidecarRuntime {
    /// The audit trail of `directory`. It is begun by a node that has not run before; of any other it must be there.
    func openAudit(in directory: StateDirectory) throws(Problem) -> AuditFile {
        do throws(StateFileError) {
            let isUnused = try JournalFile.isUnused(directory.journalPath)
            if isUnused { try AuditFile.begin(path: directory.auditPath, by: identity) }
        } catch {
            throw Problem(error)
        }
        do throws(AuditError) {
            return try AuditFile(path: directory.auditPath, identity: identity, queue: queue) { [log] error in
                log.critical("an audit entry could not be written", metadata: ["error": "\(error)"])
            }
        } catch {
            throw Problem(error)
        }
    }

    /// The journal of `directory` and what it says. `isNew`: the audit trail does not say that there was one before.
    func openJournal(
        in directory: StateDirectory,
        isNew: Bool
    ) throws(Problem) -> (opened: JournalFile.Opened, content: JournalContent) {
        var content = JournalContent(owner: identity.key, room: room(in: directory))
        let opened: JournalFile.Opened
        do throws(JournalOpenError) {
            opened = try JournalFile.open(
                path: directory.journalPath,
                identity: identity,
                isNew: isNew,
                queue: queue,
                failed: { [log] error in
                    log.error("the end of the trust journal could not be signed", metadata: ["error": "\(error)"])
                },
                validate: { reading throws(JournalFault) in try content.read(reading) }
            )
        } catch {
            throw Problem(error)
        }
        if opened.cutByteCount > 0 {
            log.warning(
                "an entry of the trust journal that was never completed was cut off",
                metadata: ["bytes": "\(opened.cutByteCount)"]
            )
        }
        return (opened, content)
    }

    /// Where entries of networks go that nobody asks for; nil: they stay in memory.
    private func room(in directory: StateDirectory) -> AsideFile? {
        do throws(StateFileError) {
            return try AsideFile(in: directory)
        } catch {
            log.warning("the logs of networks stay in memory", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// Begins the write that is due, unless one is under way.
    func beginWrite() {
        guard let write = life?.gate.begin(), let life else { return }
        let loop = node.eventLoop
        let runtime = NIOLoopBound(self, eventLoop: loop)
        var base: (@Sendable () -> [UInt8])?
        if life.needsCompaction {
            let facts = life.sidecar.compactedFacts(at: Clocks.now().wall)
            base = { TrustJournal.content(facts) }
        }
        let minimum = TrustJournal.minimum(for: write.facts)
        // Nobody is told of a change before its entries are recorded.
        life.journal.append(
            TrustJournal.content(write.facts),
            minimum: minimum,
            base: base,
            recording: write.entries.map { ($0.event, $0.time) },
            in: life.audit,
            then: { result in loop.execute { runtime.value.wrote(result) } }
        )
    }

    private func wrote(_ result: Result<JournalFile.Written, StateFileError>) {
        guard var current = life.take() else { return }
        switch result {
        case .success(let written):
            current.needsCompaction = written.needsCompaction
            if let error = written.compactionFailure {
                log.error("the trust journal could not be compacted", metadata: ["error": "\(error)"])
            }
            current.steps.append(contentsOf: current.gate.finish(nil))
            life = current
            return feed { $0.journaled(written.head, at: $1) }
        case .failure(let error):
            log.critical("the trust journal cannot be written", metadata: ["error": "\(error)"])
            current.steps.append(contentsOf: current.gate.finish(.unsaved(error)))
            current.retry = current.retry ?? scheduleRetry()
        }
        life = current
        settle()
    }

    /// Admissions wait for facts that could not be written, and nobody may ever ask for these again.
    private func scheduleRetry() -> Scheduled<Void> {
        node.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) {
            self.life?.retry = nil
            self.life?.gate.retry()
            self.settle()
        }
    }

    /// The cache is written at the end of the loop's turn, so that a burst of news costs one write.
    func rememberSoon() {
        guard life?.isCacheDirty == false else { return }
        life?.isCacheDirty = true
        node.eventLoop.assumeIsolated().execute { self.saveCache() }
    }

    private func saveCache() {
        guard let life, life.isCacheDirty else { return }
        self.life?.isCacheDirty = false
        life.cache.save(life.sidecar.memoryDocument.canonicalBytes)
        host?.peersChanged()
    }

    /// Ends the life of a sidecar that stops, once no write is under way or wanted.
    func finishStopping() {
        guard let life, let stopping = life.stopping, life.gate.isIdle else { return }
        life.timer?.cancel()
        life.retry?.cancel()
        saveCache()
        self.life = nil
        for promise in life.commands.values { promise.fail(Problem.stopped) }
        for then in life.routes.values { then(.unavailable(.stopped)) }
        life.audit.record(AuditEvent(.stopped, actor: identity.key, subject: identity.key.did), at: Clocks.now().wall)
        life.journal.close()
        do {
            try life.floors.synchronize()
            areFloorsKept = true
        } catch {
            log.warning("the replay guard is not on the disk", metadata: ["error": "\(error)"])
        }
        life.audit.close(on: node.eventLoop).cascade(to: stopping)
    }
}
