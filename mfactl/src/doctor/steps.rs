//! What one step does in a stack, and which step leads a way past our line.

use crate::pam::control::{Action, IGNORE, RENEW, SUCCESS};
use crate::pam::line::{Facility, Line, Rule};
use crate::pam::stack::{Act, Step};
use crate::pam::walk::{Answer, End, asks_for_factor};

/// Whether nothing jumps over that line.
pub(super) fn is_free(lines: &[Line], number: usize) -> bool {
    let Some(line) = lines.iter().find(|line| line.number == number) else { return false };
    let facility = line.facility.unwrap_or(Facility::Auth);
    let of_it: Vec<&Line> = lines.iter().filter(|line| line.is_for(facility)).collect();
    let Some(at) = of_it.iter().position(|line| line.number == number) else { return false };
    of_it[..at].iter().enumerate().all(|(from, line)| {
        let Rule::Module { control, .. } = &line.rule else { return true };
        !control
            .all()
            .iter()
            .any(|action| matches!(action, Action::Jump(over) if from + usize::from(*over) >= at))
    })
}

/// Whether no answer of such a line goes unheeded.
pub(super) fn refuses(actions: &[Action]) -> bool {
    actions.iter().all(|action| matches!(action, Action::Bad | Action::Die))
}

/// Whether a step ends its stack by that answer.
pub(super) fn ends(step: &Step, answer: Answer) -> bool {
    let Act::Ask { control, .. } = &step.act else { return false };
    match answer {
        Answer::Success => control.on(SUCCESS) == Action::Done,
        Answer::Ignore => control.on(IGNORE) == Action::Done,
        Answer::Renew => control.on(RENEW) == Action::Done,
        Answer::Failure => control.others().contains(&Action::Done),
    }
}

/// Whether a way went through the last of these steps, or over it, rather than ending before.
pub(super) fn reaches(steps: &[Step], end: &End) -> bool {
    end.way.last().is_none_or(|&(at, answer)| steps.get(at).is_none_or(|step| !ends(step, answer)))
}

/// The step from which a way went past our line.
pub(super) fn culprit(steps: &[Step], end: &End) -> Option<(usize, Answer)> {
    let ours = steps.iter().position(asks_for_factor)?;
    let next = end.way.iter().skip(1).map(|&(at, _)| at).chain([steps.len()]);
    end.way.iter().copied().zip(next).find(|&((at, _), next)| at < ours && next > ours).map(|(step, _)| step)
}

/// Whether a step stands in the file of that name.
pub(super) fn own_file(step: &Step, service: &str) -> bool {
    step.place.file.file_name().is_some_and(|name| name == service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pam::line::parse;

    #[test]
    fn a_line_that_is_jumped_over_is_not_simply_taken_out() {
        let lines = parse(b"auth [success=2 default=ignore] pam_a.so\nauth required pam_b.so\nsession required pam_s.so\nauth required pam_c.so\nauth required pam_d.so\n");
        let free = |number| is_free(&lines, number);
        assert_eq!([1, 2, 4, 5].map(free), [true, false, false, true]);
    }
}
