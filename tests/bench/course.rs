//! The course of a run: which stack logs whom in, and when, so that the comparison is fair.
//!
//! Stacks take turns in short blocks, and each round begins with another one, so that a slow moment of the
//! machine meets all of them. A code works once, so between the parts the agent waits for a new step. Both
//! of our stacks ask the same daemon about the same accounts, so they log different people in.

use serde::Serialize;

use crate::ground::{Ground, Place};
use crate::people::Town;
use crate::protocol::{Left, Memory, Reply, Request, Sample, Scene};
use crate::stack::Stack;

/// Logins of each stack that warm the caches and are not counted.
const WARMING: u32 = 5;

/// How much is done.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Amounts {
    pub(crate) seed: u64,
    /// Logins of each stack, and the users that the peers know.
    pub(crate) logins: u32,
    /// Logins of one stack before the next has its turn.
    pub(crate) block: u32,
    pub(crate) at_once: u32,
    /// How often the logins at once are repeated.
    pub(crate) bursts: u32,
    /// Enrolled users for the comparison of a small house with a large one; none with zero.
    pub(crate) few: u32,
    pub(crate) many: u32,
    pub(crate) state: String,
    pub(crate) other_denies: bool,
    pub(crate) product: bool,
}

/// All samples of one stack in one part, round by round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Series {
    pub(crate) stack: Stack,
    pub(crate) rounds: Vec<Round>,
}

/// One turn of one stack.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Round {
    pub(crate) samples: Vec<Sample>,
    /// From the first start to the last end, where they ran at once.
    pub(crate) all_ns: Option<u64>,
}

/// Everything that a run measured.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) fresh: Vec<Series>,
    pub(crate) one_process: Vec<Series>,
    pub(crate) at_once: Vec<Series>,
    pub(crate) left: Vec<(Stack, Left)>,
    pub(crate) memory: Option<Memory>,
    pub(crate) scale: Option<Scale>,
}

/// A house with few enrolled users beside one with many.
#[derive(Debug, Serialize)]
pub(crate) struct Scale {
    pub(crate) few: Vec<Round>,
    pub(crate) many: Vec<Round>,
    pub(crate) memory_of_few: Option<Memory>,
    pub(crate) memory_of_many: Option<Memory>,
}

impl Amounts {
    fn stacks(&self) -> &'static [Stack] {
        if self.product { &Stack::ALL } else { &Stack::PEERS }
    }

    fn scene(&self, people: u32, stacks: &[Stack]) -> Scene {
        Scene {
            town: Town { seed: self.seed },
            people,
            of_peers: self.logins.min(people),
            stacks: stacks.to_vec(),
            state: self.state.clone(),
            other_denies: self.other_denies,
        }
    }

    /// The first person that a stack logs in.
    fn first(&self, stack: Stack) -> u32 {
        if stack == Stack::MfaSettle { self.logins } else { 0 }
    }

    /// The blocks of a part: the first number and the length of each.
    fn blocks(&self, count: u32) -> Vec<(u32, u32)> {
        let block = self.block.max(1);
        (0..count).step_by(block as usize).map(|at| (at, block.min(count - at))).collect()
    }
}

/// Does all of it; `say` is told what happens.
pub(crate) fn run(amounts: &Amounts, place: Place<'_>, say: &dyn Fn(&str)) -> Result<Measured, String> {
    let stacks = amounts.stacks();
    say("setting a machine up");
    let mut ground = Ground::start(place).map_err(|error| format!("no machine: {error}"))?;
    let people = 2 * amounts.logins + WARMING;
    ground.ask(&Request::Prepare(amounts.scene(people, stacks)))?;
    if amounts.product {
        say("enrolling");
        ground.ask(&Request::Enrol { count: people })?;
    }
    for &stack in stacks {
        ground.ask(&Request::Fresh { stack, first: 2 * amounts.logins, count: WARMING })?;
    }

    say("one login a process");
    ground.ask(&Request::NewStep)?;
    let fresh = in_turns(stacks, &amounts.blocks(amounts.logins), |stack, (at, count)| {
        let first = amounts.first(stack) + at;
        Ok(Round { samples: samples(ground.ask(&Request::Fresh { stack, first, count })?)?, all_ns: None })
    })?;

    say("many logins in one process");
    ground.ask(&Request::NewStep)?;
    let one_process = in_turns(stacks, &amounts.blocks(amounts.logins), |stack, (at, count)| {
        let first = amounts.first(stack) + at;
        let reply = ground.ask(&Request::OneProcess { stack, first, count })?;
        Ok(Round { samples: samples(reply)?, all_ns: None })
    })?;

    say(&format!("{} at once", amounts.at_once));
    let bursts: Vec<(u32, u32)> = (0..amounts.bursts).map(|_| (0, amounts.logins)).collect();
    let mut turns = 0;
    let at_once = in_turns(stacks, &bursts, |stack, (_, count)| {
        if turns % stacks.len() == 0 {
            ground.ask(&Request::NewStep)?;
        }
        turns += 1;
        let request = Request::AtOnce { stack, first: amounts.first(stack), count, at_once: amounts.at_once };
        match ground.ask(&request)? {
            Reply::Burst { samples, all_ns } => Ok(Round { samples, all_ns: Some(all_ns) }),
            other => Err(unexpected(&other)),
        }
    })?;

    say("what is left behind");
    ground.ask(&Request::NewStep)?;
    let mut left = Vec::new();
    for &stack in stacks {
        let request = Request::Left { stack, first: amounts.first(stack), count: amounts.logins };
        match ground.ask(&request)? {
            Reply::Left(found) => left.push((stack, found)),
            other => return Err(unexpected(&other)),
        }
    }
    let memory = memory(&mut ground)?;
    drop(ground);
    let wanted = amounts.product && amounts.few > 0 && amounts.many > 0;
    let scale = if wanted { Some(scale(amounts, place, say)?) } else { None };
    Ok(Measured { fresh, one_process, at_once, left, memory, scale })
}

/// Lets every stack have every block, each round beginning with the next stack.
fn in_turns(
    stacks: &[Stack],
    blocks: &[(u32, u32)],
    mut turn: impl FnMut(Stack, (u32, u32)) -> Result<Round, String>,
) -> Result<Vec<Series>, String> {
    let mut all: Vec<Series> =
        stacks.iter().map(|&stack| Series { stack, rounds: Vec::with_capacity(blocks.len()) }).collect();
    for (round, &block) in blocks.iter().enumerate() {
        for place in 0..stacks.len() {
            let series = &mut all[(round + place) % stacks.len()];
            series.rounds.push(turn(series.stack, block)?);
        }
    }
    Ok(all)
}

/// Two machines at one time, whose logins take turns.
fn scale(amounts: &Amounts, place: Place<'_>, say: &dyn Fn(&str)) -> Result<Scale, String> {
    let start = |enrolled: u32| -> Result<Ground, String> {
        say(&format!("a machine with {enrolled} enrolled users"));
        let mut ground = Ground::start(place).map_err(|error| format!("no machine: {error}"))?;
        ground.ask(&Request::Prepare(amounts.scene(enrolled, &[Stack::Mfa])))?;
        ground.ask(&Request::Enrol { count: enrolled })?;
        Ok(ground)
    };
    let (mut small, mut large) = (start(amounts.few)?, start(amounts.many)?);
    let (mut few, mut many) = (Vec::new(), Vec::new());
    // The small house has few people, so all of them come again at each new step.
    let people = amounts.few.min(amounts.many);
    let mut done = 0;
    while done < amounts.logins {
        small.ask(&Request::NewStep)?;
        large.ask(&Request::NewStep)?;
        for (round, (first, count)) in
            amounts.blocks(people.min(amounts.logins - done)).into_iter().enumerate()
        {
            let request = Request::Fresh { stack: Stack::Mfa, first, count };
            let mut ask = |large_one: bool| -> Result<(), String> {
                let (ground, rounds) =
                    if large_one { (&mut large, &mut many) } else { (&mut small, &mut few) };
                rounds.push(Round { samples: samples(ground.ask(&request)?)?, all_ns: None });
                Ok(())
            };
            ask(round % 2 == 0)?;
            ask(round % 2 != 0)?;
            done += count;
        }
    }
    // Idle again, and started by the first login: before it none runs.
    let memory_of_few = memory(&mut small)?;
    let memory_of_many = memory(&mut large)?;
    Ok(Scale { few, many, memory_of_few, memory_of_many })
}

fn memory(ground: &mut Ground) -> Result<Option<Memory>, String> {
    match ground.ask(&Request::Memory)? {
        Reply::Memory(memory) => Ok(memory),
        other => Err(unexpected(&other)),
    }
}

fn samples(reply: Reply) -> Result<Vec<Sample>, String> {
    match reply {
        Reply::Samples(samples) => Ok(samples),
        other => Err(unexpected(&other)),
    }
}

fn unexpected(reply: &Reply) -> String {
    format!("the agent answered something else: {reply:?}")
}
