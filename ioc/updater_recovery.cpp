// What a start does about state that is missing or damaged: feed by feed, so that one feed's damage stays its
// own; loudly, so that nobody takes for enforced what is not; and with a way back, which is the feed's next
// whole list.
#include <algorithm>

#include "ioc/durable_file.h"
#include "ioc/updater_work.h"
#include "resolver/base/disk.h"
#include "resolver/base/log.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

// Of lost changes that the record still knows: so many are looked at, and so many told one by one.
constexpr size_t kMostLookedAt = 10'000;
constexpr size_t kMostTold = 50;

constexpr std::string_view kPushAgain = "push the whole list again";

// The feed that a change was about, by the record's words: "push c2", "add evil.example to c2".
const FeedSettings* feed_of(const AuditEntry& entry, const std::vector<FeedSettings>& feeds) {
  if (entry.what.starts_with("allow ") || entry.what.starts_with("end of exception ")) {
    return nullptr;
  }
  const std::string_view last = std::string_view(entry.what).substr(entry.what.rfind(' ') + 1);
  const auto found =
      std::find_if(feeds.begin(), feeds.end(), [&](const FeedSettings& feed) { return feed.name == last; });
  return found == feeds.end() ? nullptr : &*found;
}

}  // namespace

void Updater::Work::open_records() {
  held_.open(settings_.state_dir + "/held");
  audit_ = AuditLog::open(settings_.state_dir + "/audit.jsonl");
  if (is_read_only(settings_.state_dir)) {
    faults_.off(Part::kState,
                settings_.state_dir + ": read-only; the last policy is in force, and no change is kept");
  }
  if (!audit_->problem().empty()) {
    show_audit(fail("{}", audit_->problem()));
  }
  if (audit_->is_read()) {
    store_->expect(audit_->last_generation());
  }
  for (const AuditEntry& entry : audit_->waiting_after(store_->current().number)) {
    store_->expect(entry.generation);
  }
  for (const std::string& loss : store_->losses()) {
    losses_.push_back(loss);  // the store has said it in the log
  }
  not_compared_ = store_->all_records();
  if (audit_->is_read()) {
    take_up_audit();
  }
  if (audit_->waiting() != 0) {  // of the process before
    show_audit(audit_->flush());
  }
}

// What the record and the store know of each other. A record that could not be read at the start is taken up
// when it can be.
void Updater::Work::take_up_audit() {
  std::vector<GenerationRecord> known = std::move(*not_compared_);
  not_compared_.reset();
  if (audit_->first_bad_line() != 0) {
    lose(
        fmt::format("audit.jsonl: line {} does not follow from the line before it, or was changed: "
                    "see cenote audit verify",
                    audit_->first_bad_line()));
  }
  const uint64_t last = known.empty() ? 0 : known.back().number;
  if (audit_->last_generation() > last && store_->losses().empty()) {
    lose(fmt::format(
        "generation {} was the last that the start could read, but generation {} was acknowledged: "
        "what came between is lost: make it again",
        last, audit_->last_generation()));
  }
  complete_audit(std::move(known));
}

void Updater::Work::lose(std::string what) {
  log::error("state_dir: {}", what);
  losses_.push_back(std::move(what));
}

// What was committed and did not come to the record: a kill came between, or the record's file was lost.
void Updater::Work::complete_audit(std::vector<GenerationRecord> missing) {
  const uint64_t last = audit_->last_generation();
  const uint64_t newest = missing.empty() ? 0 : missing.back().number;
  std::erase_if(missing, [&](const GenerationRecord& record) { return record.number <= last; });
  if (missing.empty()) {
    return;
  }
  // What is known of every number can be noted again, or waits already: a kill may come before any of it was.
  std::set<uint64_t> known;
  for (const AuditEntry& entry : audit_->waiting_after(last)) {
    if (entry.outcome == "done" && entry.generation <= newest) {
      known.insert(entry.generation);
    }
  }
  const bool is_lost = audit_->is_empty() && newest > 1 && known.empty();
  std::erase_if(missing, [&](const GenerationRecord& record) { return !known.insert(record.number).second; });
  const bool is_cut = is_lost || known.size() < newest - last;
  if (is_cut && store_->losses().empty()) {
    lose(fmt::format(
        "audit.jsonl ends with generation {}: what was noted behind it is lost; of the generations "
        "up to {} what is still known is noted again",
        last, newest));
  }
  if (missing.empty()) {
    return;
  }
  log::warn("the record of changes: {} noted again", counted(missing.size(), "change is", "changes are"));
  std::vector<AuditEntry> entries;
  for (const GenerationRecord& record : missing) {
    AuditEntry entry{wall_now(), record.who, record.what, "done", "noted after a restart", record.number};
    entries.push_back(std::move(entry));
  }
  audit_->put_in_order(entries);
  show_audit(audit_->flush());
}

void Updater::Work::mark_lost(Change& change, const std::string& feed, const std::string& why) {
  for (auto* feeds : {&change.next.feeds, &change.before}) {  // it stays when the feed is left as it was
    std::string& lost = (*feeds)[feed].lost;
    if (lost.find(why) == std::string::npos) {
      lost += (lost.empty() ? "" : "; ") + why;
    }
  }
  is_to_commit_ = true;
}

// What the record tells of changes that nothing else knows any more.
void Updater::Work::tell_losses(Change& change) {
  if (store_->losses().empty()) {
    return;
  }
  is_to_commit_ = true;  // under a number that nothing was ever called by
  change.next.what = "start after a loss";
  change.why = store_->losses().front();
  if (store_->has_lost_all()) {
    for (const FeedSettings& feed : settings_.feeds) {
      mark_lost(change, feed.name, fmt::format("everything that it had is lost: {}", kPushAgain));
    }
    return;
  }
  std::map<std::string, std::vector<uint64_t>> lost;
  size_t told = 0;
  std::vector<AuditEntry> later;
  if (audit_) {
    later = audit_->after(change.next.number, kMostLookedAt);
    const std::vector<AuditEntry> waiting = audit_->waiting_after(change.next.number);
    later.insert(later.end(), waiting.begin(), waiting.end());
  }
  for (const AuditEntry& entry : later) {
    if (entry.outcome != "done") {
      continue;
    }
    if (++told <= kMostTold) {
      log::error("lost: generation {}: {}, by {}", entry.generation, printable(entry.what),
                 printable(entry.who));
    }
    if (const FeedSettings* feed = feed_of(entry, settings_.feeds)) {
      lost[feed->name].push_back(entry.generation);
    }
  }
  for (const auto& [feed, generations] : lost) {
    mark_lost(change, feed,
              generations.size() == 1
                  ? fmt::format("its change of generation {} is lost: {}", generations.front(), kPushAgain)
                  : fmt::format("{} of its changes, of generations {} to {}, are lost: {}",
                                generations.size(), generations.front(), generations.back(), kPushAgain));
  }
  if (told > kMostTold) {
    log::error("lost: {} changes in all; see cenote audit", told);
  }
}

// Decisions that cannot be read are lost to the feed; its changes go on.
void Updater::Work::drop_unreadable_decisions(Change& change, const std::string& feed) {
  const auto stored = change.next.feeds.find(feed);
  if (stored == change.next.feeds.end() || stored->second.decisions.empty() ||
      store_->content(stored->second.decisions)) {
    return;
  }
  const std::string why =
      "what people decided about its held entries is lost: what they had released is held again when its "
      "list is "
      "read the next time";
  log::error("feed {}: {}", feed, why);
  store_->set_aside_content(stored->second.decisions);
  stored->second.decisions.clear();
  if (const auto before = change.before.find(feed); before != change.before.end()) {
    before->second.decisions.clear();
  }
  mark_lost(change, feed, fmt::format("{}: {}, and decide again", why, kPushAgain));
  change.why += (change.why.empty() ? "" : "; ") + why;
}

// A feed that no compiled snapshot has is made from what can be read of it; the rest is out of force.
void Updater::Work::salvage(Change& change, const std::string& feed) {
  const auto found = change.next.feeds.find(feed);
  if (found == change.next.feeds.end()) {
    return;
  }
  StoredFeed& stored = found->second;
  if (!stored.content.empty() && !store_->has_content(stored.content)) {
    mark_lost(change, feed,
              fmt::format("contents/{}, its list, cannot be read: {}", stored.content, kPushAgain));
    store_->set_aside_content(stored.content);
    stored.content.clear();
    stored.version.clear();
  }
  if (!stored.patch.empty() && !store_->content(stored.patch)) {
    mark_lost(change, feed,
              fmt::format("contents/{}, what was added and removed by and by, cannot be read: {}",
                          stored.patch, kPushAgain));
    store_->set_aside_content(stored.patch);
    stored.patch.clear();
    stored.patch_bytes = UINT64_MAX;
  }
}

// Lines of a list that were rejected or held are made again from the list.
bool Updater::Work::has_unreadable_rejects(const StoredFeed& stored) const {
  return !stored.rejects.empty() && !store_->content(stored.rejects);
}

void Updater::Work::recover(Change& change) {
  tell_losses(change);
  for (const FeedSettings& feed : settings_.feeds) {
    drop_unreadable_decisions(change, feed.name);
    if (change.feeds.contains(feed.name) && !feed_id(feed.name)) {
      salvage(change, feed.name);
    }
    const auto stored = change.next.feeds.find(feed.name);
    if (stored != change.next.feeds.end() && has_unreadable_rejects(stored->second)) {
      log::error("feed {}: its rejected and held lines cannot be read; they are made again", feed.name);
      change.feeds.insert(feed.name);
    }
    if (const auto error = not_laid_.find(feed.name); error != not_laid_.end()) {
      change.feeds.insert(feed.name);  // as a whole, perhaps
      change.before[feed.name].lost =
          fmt::format("its last small changes are not in force: {}: {}", error->second, kPushAgain);
    }
  }
  change.exceptions = change.exceptions || not_laid_.contains("");
}

// Where the last process stopped: its base, and over it what the journal has, feed by feed.
Result<void> Updater::Work::resume() {
  auto base = CompiledSnapshot::open(store_->snapshot_path(store_->base_number()));
  if (!base) {
    return base.error();
  }
  if ((*base)->generation() != store_->base_number()) {
    return fail("the snapshot is of generation {}, not {}", (*base)->generation(), store_->base_number());
  }
  if (store_->base_snapshot() != 0 && (*base)->checksum() != store_->base_snapshot()) {
    return fail("the snapshot is another one than that of generation {}", store_->base_number());
  }
  layers_ = {own(std::move(*base)), nullptr};
  std::map<std::string, std::string> patches;
  std::map<std::string, std::vector<std::string>> by_hand;
  for (const SmallChange& change : store_->changes()) {
    if (!change.feed.empty() && feed_named(change.feed) == nullptr) {
      continue;  // it left the configuration
    }
    if (!fits_overlay(change)) {
      not_laid_[change.feed] = "the compiled snapshot does not know it";
    } else if (change.patch.empty()) {
      by_hand[change.feed].push_back(change.by_hand_name());
    } else {
      patches[change.feed] += change.patch;
    }
  }
  Layers layers = layers_;
  const auto take = [&](const std::string& feed, const Result<ChangedOverlay>& changed) {
    if (changed) {
      layers.overlay = changed->overlay;
    } else {
      not_laid_[feed] = changed.error().message;
    }
  };
  for (const auto& [feed, patch] : patches) {
    CompiledFeed compiled;
    take(feed, lay_patch_over(layers, feed, patch, store_->current(), compiled));
  }
  for (const auto& [feed, names] : by_hand) {
    take(feed, lay_by_hand_over(layers, feed, names, store_->current()));
  }
  publish(std::move(layers));
  return {};
}

}  // namespace cenote
