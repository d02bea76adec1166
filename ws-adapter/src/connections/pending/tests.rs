use proptest::prelude::*;

use super::*;
use crate::Close;

/// Keeps the close that it is told.
#[derive(Default)]
struct Told(Mutex<Option<Close>>);

impl End for Told {
    fn end(&self, close: Close) {
        assert!(self.0.lock().unwrap().replace(close).is_none(), "ended twice");
    }
}

impl Told {
    fn is_displaced(&self) -> bool {
        *self.0.lock().unwrap() == Some(Close::DISPLACED)
    }
}

fn enter(
    pending: &Arc<Pending>,
    address: Option<IpAddr>,
    (all, per_address): (usize, usize),
) -> Result<(PendingGuard, Arc<Told>), TooMany> {
    let told = Arc::<Told>::default();
    let newcomer = Newcomer { address, transport: Transport::WebSocket, end: told.clone() };
    let guard = pending.enter(newcomer, PendingLimits { all, per_address }, true)?;
    Ok((guard, told))
}

fn of(address: &str) -> Option<IpAddr> {
    Some(address.parse().unwrap())
}

fn is_empty(pending: &Pending) -> bool {
    let places = pending.lock();
    places.all == 0 && places.counts.is_empty() && places.buckets.is_empty() && places.by_size.is_empty()
}

#[test]
fn place_counts_until_it_is_left() {
    let pending = Arc::new(Pending::default());
    let first = enter(&pending, of("192.0.2.1"), (3, 2)).unwrap();
    let _second = enter(&pending, of("192.0.2.1"), (3, 2)).unwrap();
    let refused = enter(&pending, of("192.0.2.1"), (3, 2)).err();
    assert_eq!(refused, Some(TooMany::PendingOfPrefix { bits: 32, max: 2 }));
    drop(first);
    let _third = enter(&pending, of("192.0.2.1"), (3, 2)).unwrap();
    assert_eq!(pending.count(), 2);
}

#[test]
fn connection_that_has_left_its_place_still_counts_for_its_address() {
    let pending = Arc::new(Pending::default());
    let (gone, _) = enter(&pending, of("192.0.2.1"), (1, 1)).unwrap();
    gone.leave_place();
    assert_eq!(pending.count(), 0);
    let refused = enter(&pending, of("192.0.2.1"), (1, 1)).err();
    assert_eq!(refused, Some(TooMany::PendingOfPrefix { bits: 32, max: 1 }));
    let stranger = enter(&pending, of("192.0.2.2"), (1, 1)).unwrap();
    drop((gone, stranger));
    assert!(is_empty(&pending));
}

#[test]
fn displaced_connection_counts_for_its_address_until_it_is_gone() {
    let pending = Arc::new(Pending::default());
    let [(oldest, told), _other] = [(); 2].map(|()| enter(&pending, of("192.0.2.1"), (2, 2)).unwrap());
    let _stranger = enter(&pending, of("192.0.2.2"), (2, 2)).unwrap();
    assert!(told.is_displaced());
    let refused = enter(&pending, of("192.0.2.1"), (9, 2)).err();
    assert_eq!(refused, Some(TooMany::PendingOfPrefix { bits: 32, max: 2 }));
    drop(oldest);
    assert!(enter(&pending, of("192.0.2.1"), (9, 2)).is_ok());
}

#[test]
fn connections_of_unknown_address_count_together_up_to_all_places() {
    let pending = Arc::new(Pending::default());
    let (gone, _) = enter(&pending, None, (1, 1)).unwrap();
    gone.leave_place();
    assert_eq!(enter(&pending, None, (1, 1)).err(), Some(TooMany::PendingOfUnknown(1)));
    assert!(enter(&pending, of("192.0.2.1"), (1, 1)).is_ok());
}

#[test]
fn wider_prefixes_have_limits_of_their_own() {
    let pending = Arc::new(Pending::default());
    let mut held = Vec::new();
    for (address, expected) in [
        ("2001:db8::1", None),
        ("2001:db8::2", Some((64, 1))),
        ("2001:db8:0:1::1", None),
        ("2001:db8:0:2::1", Some((56, 2))),
        ("2001:db8:0:100::1", None),
        ("2001:db8:0:200::1", None),
        ("2001:db8:0:300::1", Some((48, 4))),
        ("2001:db8:1::1", None),
        ("::ffff:192.0.2.1", None),
        ("192.0.2.1", Some((32, 1))),
    ] {
        let refused = enter(&pending, of(address), (100, 1)).map(|entered| held.push(entered)).err();
        assert_eq!(refused, expected.map(|(bits, max)| TooMany::PendingOfPrefix { bits, max }), "{address}");
    }
    drop(held);
    assert!(is_empty(&pending));
}

#[test]
fn limit_of_nought_lets_nobody_in() {
    let pending = Arc::new(Pending::default());
    assert!(enter(&pending, of("192.0.2.1"), (1, 0)).is_err());
    assert!(enter(&pending, of("192.0.2.1"), (0, 1)).is_err());
    assert!(enter(&pending, None, (0, 1)).is_err());
    assert!(is_empty(&pending));
}

#[test]
fn oldest_of_the_largest_bucket_gives_up_its_place_at_once() {
    let pending = Arc::new(Pending::default());
    let enter = |address| enter(&pending, address, (5, 50));
    let lone = enter(of("192.0.2.1")).unwrap();
    let all: Vec<_> = (0..4).map(|n| enter(of(&format!("2001:db8::{n}:0:0:0:1"))).unwrap()).collect();
    let stranger = enter(of("198.51.100.9")).unwrap();
    let displaced: Vec<_> = all.iter().map(|(_, told)| told.is_displaced()).collect();
    assert_eq!(displaced, [true, false, false, false], "the oldest of the /48, which is not the oldest of all");
    assert_eq!(pending.count(), 5);
    drop(all);
    assert_eq!(pending.count(), 2, "the place that was given up is not counted down again");
    drop((lone, stranger));
    assert!(is_empty(&pending));
}

#[test]
fn newcomer_of_the_largest_bucket_is_refused() {
    let pending = Arc::new(Pending::default());
    for (address, expected) in [(of("2001:db8::1"), TooMany::Pending(3)), (None, TooMany::PendingOfUnknown(3))] {
        let held: Vec<_> = (0..3).map(|_| enter(&pending, address, (3, 50)).unwrap()).collect();
        assert_eq!(enter(&pending, address, (3, 50)).err(), Some(expected));
        assert!(!held.iter().any(|(_, told)| told.is_displaced()));
    }
}

#[test]
fn clients_of_unknown_address_are_one_bucket() {
    let pending = Arc::new(Pending::default());
    let unknown = [(); 2].map(|()| enter(&pending, None, (3, 1)).unwrap());
    let _known = enter(&pending, of("192.0.2.1"), (3, 1)).unwrap();
    let _stranger = enter(&pending, of("192.0.2.2"), (3, 1)).unwrap();
    assert_eq!(unknown.map(|(_, told)| told.is_displaced()), [true, false]);
}

#[test]
fn newcomer_that_may_not_displace_is_refused() {
    let pending = Arc::new(Pending::default());
    let _held = [(); 2].map(|()| enter(&pending, of("192.0.2.1"), (2, 2)).unwrap());
    let end = Arc::<Told>::default();
    let newcomer = Newcomer { address: of("192.0.2.2"), transport: Transport::WebSocket, end };
    assert!(pending.enter(newcomer, PendingLimits { all: 2, per_address: 2 }, false).is_err());
}

/// A connection that leaves while it is told, as one does that holds the last of itself.
#[test]
fn place_may_be_left_from_within_its_end() {
    struct Leaves(Mutex<Option<PendingGuard>>);
    impl End for Leaves {
        fn end(&self, _: Close) {
            drop(self.0.lock().unwrap().take());
        }
    }
    let pending = Arc::new(Pending::default());
    let leaves = Arc::new(Leaves(Mutex::default()));
    let newcomer = Newcomer { address: None, transport: Transport::WebSocket, end: leaves.clone() };
    let guard = pending.enter(newcomer, PendingLimits { all: 1, per_address: 1 }, true).unwrap();
    *leaves.0.lock().unwrap() = Some(guard);
    let _stranger = enter(&pending, of("192.0.2.1"), (1, 1)).unwrap();
    assert!(leaves.0.lock().unwrap().is_none());
    assert_eq!(pending.count(), 1);
}

const ADDRESSES: [&str; 10] = [
    "",
    "192.0.2.1",
    "::ffff:192.0.2.1",
    "192.0.2.2",
    "192.0.2.3",
    "2001:db8::1",
    "2001:db8::2",
    "2001:db8:0:1::1",
    "2001:db8:0:100::1",
    "2001:db8:1::1",
];

fn address(index: usize) -> Option<IpAddr> {
    ADDRESSES[index].parse().ok()
}

/// The same, looked at one by one: what counts for its address, and whether it has a place.
struct Model(Vec<(usize, Option<IpAddr>, bool)>);

impl Model {
    /// Whom a newcomer displaces, if anybody.
    fn enter(&self, address: Option<IpAddr>, (all, per_address): (usize, usize)) -> Result<Option<usize>, TooMany> {
        for prefix in address.into_iter().flat_map(AddressPrefix::of) {
            let max = per_address * prefix.weight();
            let is_in = |other: IpAddr| AddressPrefix::of(other).any(|other| other == prefix);
            if self.0.iter().filter(|(_, other, _)| other.is_some_and(is_in)).count() >= max {
                return Err(TooMany::PendingOfPrefix { bits: prefix.bits(), max });
            }
        }
        if address.is_none() && self.0.iter().filter(|(_, other, _)| other.is_none()).count() >= all {
            return Err(TooMany::PendingOfUnknown(all));
        }
        if self.places().count() < all {
            return Ok(None);
        }
        let size = |of: Bucket| self.places().filter(|(_, other)| bucket(*other) == of).count();
        let largest = self.places().map(|(_, other)| size(bucket(other))).max().unwrap_or_default();
        let oldest = self.places().find(|(_, other)| size(bucket(*other)) == largest);
        match oldest {
            Some((number, _)) if size(bucket(address)) < largest => Ok(Some(number)),
            _ => Err(TooMany::Pending(all)),
        }
    }

    fn places(&self) -> impl Iterator<Item = (usize, Option<IpAddr>)> {
        self.0.iter().filter(|(.., has_place)| *has_place).map(|(number, address, _)| (*number, *address))
    }

    fn leave_place(&mut self, number: Option<usize>) {
        self.0.iter_mut().filter(|(other, ..)| Some(*other) == number).for_each(|(.., has_place)| *has_place = false);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Enter(usize),
    LeavePlace(usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..ADDRESSES.len()).prop_map(Step::Enter),
        1 => (0..64_usize).prop_map(Step::LeavePlace),
        1 => (0..64_usize).prop_map(Step::Leave),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn places_are_those_of_the_model(
        steps in prop::collection::vec(step(), 0..64),
        limits in (0..8_usize, 0..4_usize),
    ) {
        let (pending, mut model) = (Arc::new(Pending::default()), Model(Vec::new()));
        let (mut held, mut left) = (Vec::<(usize, PendingGuard, Arc<Told>)>::new(), Vec::new());
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Enter(index) => {
                    let address = address(index);
                    match (enter(&pending, address, limits), model.enter(address, limits)) {
                        (Ok((guard, told)), Ok(displaced)) => {
                            model.leave_place(displaced);
                            model.0.push((number, address, true));
                            held.push((number, guard, told));
                        }
                        (Err(refused), Err(expected)) => prop_assert_eq!(refused, expected),
                        (entered, expected) => prop_assert!(false, "{:?}, not {:?}", entered.is_ok(), expected),
                    }
                }
                Step::LeavePlace(index) if !held.is_empty() => {
                    let (number, guard, _) = &held[index % held.len()];
                    guard.leave_place();
                    model.leave_place(Some(*number));
                    left.push(*number);
                }
                Step::Leave(index) if !held.is_empty() => {
                    let (number, ..) = held.swap_remove(index % held.len());
                    model.0.retain(|(other, ..)| *other != number);
                }
                Step::LeavePlace(_) | Step::Leave(_) => {}
            }
            prop_assert_eq!(pending.count(), model.places().count());
            prop_assert!(pending.count() <= limits.0);
            for (number, _, told) in held.iter().filter(|(number, ..)| !left.contains(number)) {
                let is_in = model.places().any(|(other, _)| other == *number);
                prop_assert_eq!(told.is_displaced(), !is_in);
            }
        }
        drop(held);
        prop_assert!(is_empty(&pending));
    }
}
