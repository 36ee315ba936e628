// What waits for a person, and what people say about it: guards on a whole change, release and refusal,
// promotion of a feed on trial. The guards of single entries are the compiler's.
#include <algorithm>

#include "ioc/store_json.h"
#include "ioc/updater_work.h"
#include "resolver/base/log.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

std::string canonical(const std::string& text) {
  if (const auto prefix = Prefix::from_text(text)) {
    return prefix->to_text();
  }
  const auto name = Name::from_text(text);
  return name ? name->to_text() : text;
}

Indicator indicator_of(const RejectRow& row) {
  Indicator indicator;
  if (row.scope == "address") {
    indicator.kind = Indicator::Kind::kAddress;
    indicator.prefix = Prefix::from_text(row.text).value_or(Prefix{});
  } else {
    indicator.name = Name::from_text(row.text).value_or(Name{});
    indicator.scope = row.scope == "below"    ? Scope::kBelow
                      : row.scope == "suffix" ? Scope::kSuffix
                                              : Scope::kExact;
  }
  return indicator;
}

// How many lines of the list itself were good when it came.
uint64_t listed_in(const ListSize& list, const std::string& feed, const StoredGeneration& now) {
  if (list.listed) {
    return *list.listed;
  }
  // One that came to an earlier version: what people add by hand now stands for what they had added then.
  const auto by_hand = static_cast<uint64_t>(
      std::count_if(now.singles.begin(), now.singles.end(),
                    [&](const SingleIndicator& single) { return single.feed == feed; }));
  return list.entries - std::min(list.entries, by_hand);
}

}  // namespace

// What a guard or a person turned away says nothing about how the list is written.
ListSize Updater::Work::size_of(const std::string& feed, const CompiledFeed& compiled) const {
  return {entries_of(feed), compiled.run.entries(), compiled.rejected - compiled.refused, compiled.listed};
}

// A list of an unusual size waits; of a change of many feeds, such as a start, the others go on.
Result<void> Updater::Work::guard(Change& change, Compiled& compiled) {
  for (const FeedSettings& feed : settings_.feeds) {
    const auto list = change.lists.find(feed.name);
    const auto result = compiled.find(feed.name);
    if (change.is_released || result == compiled.end()) {
      continue;
    }
    if (list == change.lists.end()) {
      if (!fits_new_settings(change, feed, result->second)) {
        leave_as_it_was(feed.name, change);
        try_again(feed.name, change);
        compiled.erase(result);
      }
      continue;
    }
    const ListSize size = size_of(feed.name, result->second);
    const auto finding =
        judge_list(size, limits_of(feed, settings_.guards, change.next.feeds[feed.name].lists));
    if (!finding) {
      continue;
    }
    HeldChange held;
    held.feed = feed.name;
    held.guard = finding->guard;
    held.why = finding->why;
    held.entries = size.entries;
    held.entries_before = size.before;
    held.what = change.next.what;
    held.who = change.next.who;
    held.time = change.next.made;
    const bool is_subject = feed.name == change.subject;
    if (is_subject) {
      change.held = held;
    }
    if (change.dry_run) {
      continue;
    }
    const std::string error = keep_held(change, held, *list->second);
    if (is_subject) {
      return Error{error};
    }
    note_failure(feed.name, error);
    leave_as_it_was(feed.name, change);
    compiled.erase(result);
  }
  return {};
}

// The same list under other settings, at a start or a reload. An encoding or a format that does not fit it
// makes nothing of it: then what it was stays. A smaller list is what somebody may have wanted, and is said.
bool Updater::Work::fits_new_settings(const Change& change, const FeedSettings& feed,
                                      const CompiledFeed& compiled) {
  const auto before = change.before.find(feed.name);
  const auto now = change.next.feeds.find(feed.name);
  if (before == change.before.end() || now == change.next.feeds.end() || feed.name == change.subject ||
      before->second.content != now->second.content || before->second.settings == settings_id(feed)) {
    return true;
  }
  const std::vector<ListSize>& lists = before->second.lists;
  if (compiled.listed == 0 && !lists.empty() && listed_in(lists.back(), feed.name, change.next) != 0) {
    note_failure(
        feed.name,
        fmt::format("with its new settings nothing in its list can be used, of {} entries when it came: what "
                    "is in force stays; put the settings right, or push a list that fits them",
                    listed_in(lists.back(), feed.name, change.next)));
    return false;
  }
  const ListSize size = size_of(feed.name, compiled);
  if (const auto finding = judge_list(size, limits_of(feed, settings_.guards, lists))) {
    log::warn("feed {}: with its new settings: {}", feed.name, finding->why);
  }
  return true;
}

// Gives the sentence for whoever sent it.
std::string Updater::Work::keep_held(const Change& change, const HeldChange& held, IncomingList& incoming) {
  const std::string id = incoming.id();
  const HeldList* before = held_.find(held.feed);
  if (before != nullptr && before->is_refused && before->content == id) {
    return fmt::format("{}; this very list was refused before", held.why);
  }
  HeldList list{held, {}, {}, id, false};
  if (const auto stored = change.next.feeds.find(held.feed); stored != change.next.feeds.end()) {
    list.format = stored->second.format;
    list.version = stored->second.version;
  }
  if (Result<void> kept = held_.keep(std::move(list), incoming); !kept) {
    return fmt::format("{}; it could not be kept for release: {}", held.why, kept.error().message);
  }
  StoredGeneration unchanged = change.next;
  unchanged.number = store_->current().number;
  note_audit(unchanged, "held", held.why, {});
  return fmt::format("{}: held, see cenote feed held {}", held.why, held.feed);
}

void Updater::Work::leave_as_it_was(const std::string& feed, Change& change) {
  const auto before = change.before.find(feed);
  if (before == change.before.end()) {
    change.next.feeds.erase(feed);
  } else {
    change.next.feeds[feed] = before->second;
  }
  change.lists.erase(feed);
}

// The next start or reload compiles the feed whatever its settings are by then: what is in force of it may be
// less than what the store has.
void Updater::Work::try_again(const std::string& feed, Change& change) {
  if (const auto stored = change.next.feeds.find(feed);
      stored != change.next.feeds.end() && !stored->second.settings.empty()) {
    stored->second.settings = "to be compiled again";
  }
}

ChangeResult Updater::Work::decide_held(const HoldVerdict& verdict) {
  if (feed_named(verdict.feed) == nullptr) {
    return refused(fmt::format("no feed is named {}", printable(verdict.feed)));
  }
  return verdict.change ? decide_change(verdict) : decide_entries(verdict);
}

ChangeResult Updater::Work::decide_change(const HoldVerdict& verdict) {
  const HeldList* held = held_.find(verdict.feed);
  if (held == nullptr || held->is_refused) {
    return refused(fmt::format("no change of {} is held", verdict.feed));
  }
  const HeldList list = *held;
  Change change = begin(
      fmt::format("{} {}", verdict.releases ? "release held" : "refuse held", list.change.what), verdict.who);
  change.why = verdict.reason;
  if (!verdict.releases) {
    if (std::string full = no_room_to_note(); !full.empty()) {
      return refused(std::move(full));
    }
    if (Result<void> done = held_.refuse(verdict.feed); !done) {
      return refused(done.error().message);
    }
    note_audit(change.next, "done", verdict.reason, {});
    refresh_views();
    ChangeResult result = refused("");
    result.accepted = true;
    return result;
  }
  auto again = IncomingList::copy_of(held_.list_path(verdict.feed), incoming_);
  if (!again) {
    return refused(again.error().message);
  }
  if ((*again)->id() != list.content) {
    return refused(fmt::format("{}: damaged; push the list again", held_.list_path(verdict.feed)));
  }
  StoredFeed& stored = change.next.feeds[verdict.feed];
  stored.format = list.format;
  stored.version = list.version;
  stored.drop_patch();
  stored.who = list.change.who;
  change.subject = verdict.feed;
  change.feeds = {verdict.feed};
  change.lists[verdict.feed] = std::move(*again);
  change.is_released = true;
  return settle(verdict.feed, enforce(std::move(change)));
}

ChangeResult Updater::Work::decide_entries(const HoldVerdict& verdict) {
  const char* word = verdict.releases ? "release" : "refuse";
  std::vector<std::string> names;
  for (const std::string& name : verdict.names) {
    names.push_back(canonical(name));
  }
  Change change = begin("", verdict.who);
  StoredFeed& stored = change.next.feeds[verdict.feed];
  HoldDecisions decisions;
  drop_unreadable_decisions(change, verdict.feed);
  if (!stored.decisions.empty()) {
    auto before = store_->content(stored.decisions);
    if (!before) {
      return refused(before.error().message);
    }
    decisions = read_decisions(*before);
  }
  std::string first;
  size_t count = 0;
  for (const RejectRow& row : rejects(verdict.feed)) {
    const bool is_meant =
        row.held && (verdict.all || std::find(names.begin(), names.end(), row.text) != names.end());
    if (is_meant && row.reason != "own_domain") {
      first = count++ == 0 ? row.text : first;
      decisions.decide(hold_key(indicator_of(row)),
                       {verdict.releases, verdict.who, verdict.reason, wall_now()});
    }
  }
  if (count == 0) {
    return refused(fmt::format("nothing{} is held in {} that could be {}d",
                               names.empty() ? "" : " of the name " + printable(names.front()), verdict.feed,
                               word));
  }
  auto id = store_->put_content(write_decisions(decisions));
  if (!id) {
    return refused(id.error().message);
  }
  stored.decisions = *id;
  change.next.what = fmt::format("{} {}{} of {}", word, first,
                                 count > 1 ? fmt::format(" and {} more", count - 1) : "", verdict.feed);
  change.why = verdict.reason + (change.why.empty() ? "" : "; " + change.why);
  change.subject = verdict.feed;
  change.feeds = {verdict.feed};
  return enforce(std::move(change));
}

// A feed with `monitor_for` only monitors until a person promotes it.
bool Updater::Work::is_on_trial(const FeedSettings& feed, const StoredGeneration& of) {
  const auto stored = of.feeds.find(feed.name);
  return feed.monitor_for.count() > 0 && (stored == of.feeds.end() || !stored->second.is_promoted);
}

ChangeResult Updater::Work::promote(const std::string& name, bool force, const std::string& who) {
  const FeedSettings* feed = feed_named(name);
  if (feed == nullptr) {
    return refused(fmt::format("no feed is named {}", printable(name)));
  }
  Change change = begin("promote " + name, who);
  StoredFeed& stored = change.next.feeds[name];
  if (!is_on_trial(*feed, change.next)) {
    return refused(fmt::format("{} is not on trial: it does what its configuration says", name));
  }
  if (stored.content.empty()) {
    return refused(fmt::format("{} has never had any content", name));
  }
  const WallTime end = stored.trial_since + feed->monitor_for;
  if (wall_now() < end && !force) {
    return refused(fmt::format("its trial lasts until {}", to_rfc3339(end)));
  }
  stored.is_promoted = true;
  change.subject = name;
  change.feeds = {name};
  return enforce(std::move(change));
}

}  // namespace cenote
