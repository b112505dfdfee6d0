import PosternModel

extension BBR {
    /// draft-ietf-ccwg-bbr §2.
    enum Constants {
        /// Packets leave by this much slower than the model says, so that a queue does not stay (PacingMarginPercent).
        static let pacingMargin = 0.01
        /// LossThresh: the share of what is in flight whose loss shows that too much is.
        static let lossThreshold = 0.02
        /// Beta: what remains of a bound when there was congestion.
        static let beta = 0.7
        /// Headroom: what is left free below the long-term bound for others.
        static let headroom = 0.15
        /// MinPipeCwnd.
        static let minimumPackets = 4
        static let startupPacingGain = 2.77
        static let drainPacingGain = 0.5
        static let downPacingGain = 0.9
        static let upPacingGain = 1.25
        static let windowGain = 2.0
        static let upWindowGain = 2.25
        static let probeRTTWindowGain = 0.5
        /// A rate that grows by less than a quarter in a round…
        static let fullPipeGrowth = 1.25
        /// …for so many rounds has stopped growing.
        static let fullPipeRounds = 3
        /// StartupFullLossCnt: losses in a round that may end startup.
        static let startupLosses = 6
        /// MinRTTFilterLen and ProbeRTTInterval.
        static let roundTripLife = Interval.seconds(10)
        static let probeRTTInterval = Interval.seconds(5)
        static let probeRTTDuration = Interval.milliseconds(200)
        /// ExtraAckedFilterLen in rounds.
        static let aggregationRounds = 10
        /// Cruising lasts from this long to a second longer…
        static let cruise = Interval.seconds(2)
        static let cruiseSpread: UInt64 = 1_000_000_000
        /// …and at most so many rounds, the ones that a Reno flow takes to grow back on the paths where that is few.
        static let maximumCruiseRounds = 63
        /// The long-term bound grows by up to 2^30 packets a round.
        static let maximumRaiseRounds = 30
    }

    /// Where we differ from the draft.
    enum Tuning {
        /// A queue is seen when a round trip is longer than the shortest by this share of it, and by `queueFloor`.
        ///
        /// The draft takes any loss outside of probing, and more than 2 % while probing, for congestion. Then random
        /// loss takes the rate down by what was lost in each round of cruising. Where a queue overflows, round trips
        /// have grown by the whole queue; where they have not, losses are the path's own. So with a queue in sight we
        /// do as the draft says; without one only losses count that no ordinary path has by itself:
        /// `bareLossThreshold`. Queues too short to be seen (under an eighth of the BDP) and policers cost up to that
        /// share.
        static let queueShare: Int64 = 8
        static let queueFloor = Interval.milliseconds(1)
        static let bareLossThreshold = 0.05
        /// Losses count when they exceed the threshold by so many standard deviations of chance: the draft's plain 2 %
        /// is crossed by every second round of a path that loses 2 % at random, and by one loss of 40 packets.
        static let lossDeviations = 2.0
        /// …unless fewer packets are in flight than this and a queue stands: many small flows would otherwise each be
        /// allowed what together keeps the queue full.
        static let fewPackets = 50
        /// A queue stands when the smoothed round trip is longer than the shortest, as above, by so many times its
        /// variation: on a radio link round trips jump about without one.
        static let jitterMargin: Int64 = 3
        /// The draft restarts the clock of the shortest round trip only by a shorter one. On a quiet path the shortest
        /// is seen all the time, to within some noise (this part of it): then there is nothing to probe for.
        static let sameRoundTrip: Int64 = 64
    }
}

extension BBR.State {
    var pacingGain: Double {
        switch self {
        case .startup: BBR.Constants.startupPacingGain
        case .drain: BBR.Constants.drainPacingGain
        case .down: BBR.Constants.downPacingGain
        case .up: BBR.Constants.upPacingGain
        case .cruise, .refill, .probeRTT: 1
        }
    }

    var windowGain: Double {
        switch self {
        case .startup, .drain, .down, .cruise, .refill: BBR.Constants.windowGain
        case .up: BBR.Constants.upWindowGain
        case .probeRTT: BBR.Constants.probeRTTWindowGain
        }
    }
}
