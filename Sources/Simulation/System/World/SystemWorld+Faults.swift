import PosternModel
import SidecarCore

// What goes wrong, and how it is mended.
extension SystemWorld {
    /// Something goes wrong.
    mutating func disturb() {
        let span = faults.interval(in: .seconds(1) ... .seconds(40))
        let number = faults.below(sidecars.count)
        let hub = faults.below(hubs.count)
        switch faults.pick(plan.scenario.faults) {
        case .sidecarCrash: end(.sidecar(number), for: span)
        case .hubCrash: end(.hub(hub), for: span)
        case .partition:
            let other = faults.below(sidecars.count)
            let isHub = other == number || faults.happens(0.6)
            let pair = ProgramPair(.sidecar(number), isHub ? .hub(hub) : .sidecar(other))
            note("nothing passes between \(pair.first) and \(pair.second)")
            partitions.insert(pair)
            schedule(.mend(.partition(pair)), in: span)
        case .failingDisk:
            let program: ProgramID = faults.happens(0.7) ? .sidecar(number) : .hub(hub)
            note("the disk of \(program) fails")
            setDisk(of: program, isFailing: true)
            schedule(.mend(.failingDisk(program)), in: span)
        case .clockStep:
            let step = faults.interval(in: .seconds(-7_200) ... .seconds(7_200))
            note("the clock of s\(number) steps by \(Int(step.seconds)) s")
            sidecars[number].clock.stepWall(by: step)
        case .oldCopy:
            note("the state of s\(number) is copied")
            sidecars[number].makeCopy()
            schedule(.restoreCopy(number), in: .seconds(10) ... .seconds(90))
        case .deceit: deceive(hub, for: span)
        case .watchEnd:
            if hubs[hub].life != nil { endWatch(of: number, atHub: hub) }
        }
    }

    private mutating func end(_ program: ProgramID, for span: Interval) {
        let kind: SimulatedFile.Crash =
            faults.happens(0.5) ? .process : .power(canDamage: faults.happens(0.5))
        crash(program, kind)
        schedule(.mend(.down(program)), in: span)
    }

    mutating func mend(_ fault: SystemFault) {
        switch fault {
        case .down(.sidecar(let number)): startSidecar(number)
        case .down(.hub(let number)): startHub(number)
        case .partition(let pair): partitions.remove(pair)
        case .failingDisk(let program): setDisk(of: program, isFailing: false)
        case .deceit(let deceit, let hub): endDeceit(deceit, at: hub)
        }
    }

    /// Mends everything.
    mutating func heal() {
        note("everything is mended")
        partitions = []
        for number in hubs.indices {
            for deceit in HubDeceit.allCases { endDeceit(deceit, at: number) }
            setDisk(of: .hub(number), isFailing: false)
            startHub(number)
        }
        for number in sidecars.indices {
            setDisk(of: .sidecar(number), isFailing: false)
            startSidecar(number)
        }
    }

    private mutating func setDisk(of program: ProgramID, isFailing: Bool) {
        switch program {
        case .sidecar(let number): sidecars[number].isDiskFailing = isFailing
        case .hub(let number): hubs[number].isDiskFailing = isFailing
        }
    }
}
