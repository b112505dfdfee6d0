package import PosternModel
package import TrustCore

/// Where events are recorded (R11). What is recorded is never dropped silently.
package protocol AuditTrail: AnyObject {
    /// Appends `event`, which happened at `time`, to the log.
    func record(_ event: AuditEvent, at time: Timestamp)

    /// Calls `then`, on a thread of the trail's, when everything recorded before is with the system and survives the
    /// end of the process.
    func whenRecorded(_ then: @escaping @Sendable () -> Void)
}
