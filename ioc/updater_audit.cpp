// What is noted in the record of changes, and what becomes of it while the disk takes nothing.
#include "ioc/updater_work.h"
#include "resolver/base/disk.h"
#include "resolver/base/log.h"
#include "resolver/base/text.h"

namespace cenote {

void Updater::Work::note_audit(const StoredGeneration& next, std::string outcome, std::string why,
                               const ChangeResult& result) {
  note_audit(GenerationRecord{next.number, next.made, next.what, next.who}, std::move(outcome),
             std::move(why), result);
}

// What came of a change, for the record that nobody rewrites.
void Updater::Work::note_audit(const GenerationRecord& next, std::string outcome, std::string why,
                               const ChangeResult& result) {
  if (!audit_) {
    return;
  }
  show_audit(audit_->append({wall_now(), next.who, next.what, std::move(outcome), std::move(why), next.number,
                             result.added, result.removed, result.rejected, result.held}));
}

// The small changes that go on over a whole one, behind it: the record has the order of the generations.
void Updater::Work::note_again(const Change& change, const std::vector<SmallChange>& again) {
  for (const SmallChange& small : again) {
    note_audit(GenerationRecord{small.number, small.made, small.what, small.who, small.names, small.addresses,
                                false, false},
               "done", fmt::format("came before generation {}, and stays over it", change.next.number), {});
  }
}

// A change that could not even wait to be noted would be nowhere on record.
std::string Updater::Work::no_room_to_note() const {
  return !audit_ || audit_->has_room()
             ? ""
             : fmt::format(
                   "{} wait to be noted in the record of changes, which cannot be written: no other change "
                   "is made until it can",
                   counted(audit_->waiting(), "change", "changes"));
}

void Updater::Work::show_audit(const Result<void>& written) {
  if (written) {
    faults_.clear(Part::kAudit);
  } else {
    const size_t in_memory_only = audit_->in_memory_only();
    faults_.off(Part::kAudit,
                fmt::format("{}; what is to be noted waits{}", written.error().message,
                            in_memory_only == 0 ? "" : ", also in memory alone: a stop would lose it"));
  }
}

// The last that is done: what still waits then is noted by the next start.
void Updater::Work::flush_audit_at_stop() {
  next_audit_ = {};
  look_at_disk();
  if (audit_ && audit_->waiting() != 0) {
    const size_t lost = audit_->in_memory_only();
    log::error("the record of changes: {} to be noted{}",
               counted(audit_->waiting(), "entry still waits", "entries still wait"),
               lost == 0 ? "; the next start notes them" : fmt::format(", {} of them in memory alone", lost));
  }
}

// A disk may be mounted anew at any time, and so may rights be mended.
void Updater::Work::look_at_disk() {
  constexpr milliseconds kRetryAfter{1000};
  if (!audit_ || mono_now() < next_audit_) {
    return;
  }
  next_audit_ = mono_now() + kRetryAfter;
  if (is_read_only(settings_.state_dir)) {
    faults_.off(Part::kState,
                settings_.state_dir + ": read-only; the last policy is in force, and no change is kept");
  } else {
    faults_.clear(Part::kState);
  }
  const bool is_reopened = !audit_->problem().empty() && audit_->reopen();
  if (is_reopened && not_compared_) {
    take_up_audit();
    refresh_views();
  }
  if (const size_t waiting = audit_->waiting(); is_reopened || waiting != 0) {
    const Result<void> written = audit_->flush();
    show_audit(written);
    if (written && waiting != 0) {
      log::info("the record of changes: {} written that waited", counted(waiting, "entry is", "entries are"));
    }
  }
}

}  // namespace cenote
