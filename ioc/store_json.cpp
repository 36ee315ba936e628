#include "ioc/store_json.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "ioc/sealed_text.h"
#include "ioc/small_change.h"
#include "ioc/state_json.h"

namespace cenote {
namespace {

using Json = nlohmann::json;
constexpr int kVersion = 1;

Json json_of(const std::vector<ListSize>& lists) {
  Json rows = Json::array();
  for (const ListSize& list : lists) {
    rows.push_back({list.before, list.entries, list.rejected});
    if (list.listed) {
      rows.back().push_back(*list.listed);
    }
  }
  return rows;
}

std::vector<ListSize> lists_from(const Json& json) {
  std::vector<ListSize> lists;
  for (const Json& row : json) {
    ListSize list{row.at(0), row.at(1), row.at(2)};
    if (row.size() > 3) {
      list.listed = row.at(3);
    }
    remember(lists, list);
  }
  return lists;
}

Json json_of(const StoredFeed& feed) {
  Json json = {{"content", feed.content},
               {"format", feed.format},
               {"patch", feed.patch},
               {"patch_bytes", feed.patch_bytes},
               {"rejects", feed.rejects},
               {"settings", feed.settings},
               {"version", feed.version},
               {"who", feed.who},
               {"changed", feed.changed.time_since_epoch().count()},
               {"generation", feed.generation},
               {"rejected", feed.rejected},
               {"held", feed.held},
               {"decisions", feed.decisions},
               {"trial_since", feed.trial_since.time_since_epoch().count()},
               {"promoted", feed.is_promoted},
               {"lists", json_of(feed.lists)}};
  if (!feed.patch_tail.empty()) {
    json["patch_tail"] = feed.patch_tail;
  }
  if (!feed.lost.empty()) {
    json["lost"] = feed.lost;
  }
  return json;
}

std::optional<WallTime> optional_time(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(state_time(json));
}
Json json_of(const std::optional<WallTime>& time) {
  return time ? Json(time->time_since_epoch().count()) : Json(nullptr);
}

StoredFeed feed_from(const Json& json) {
  StoredFeed feed;
  feed.content = json.at("content");
  feed.format = json.at("format");
  feed.patch = json.at("patch");
  feed.patch_bytes = json.value("patch_bytes", feed.patch_bytes);
  feed.rejects = json.at("rejects");
  feed.settings = json.at("settings");
  feed.version = json.at("version");
  feed.who = json.at("who");
  feed.changed = state_time(json.at("changed"));
  feed.generation = json.at("generation");
  feed.rejected = json.at("rejected");
  feed.held = json.at("held");
  feed.decisions = json.value("decisions", "");  // manifests of 0.1 have none of these four
  feed.trial_since = WallTime(milliseconds(json.value("trial_since", int64_t{0})));
  feed.is_promoted = json.value("promoted", false);
  feed.lists = lists_from(json.value("lists", Json::array()));
  feed.patch_tail = json.value("patch_tail", "");
  feed.lost = json.value("lost", "");
  return feed;
}

Json json_of(const SingleIndicator& single) {
  return {{"feed", single.feed},     {"name", single.name},
          {"exact", single.exact},   {"category", single.category},
          {"reason", single.reason}, {"until", json_of(single.until)},
          {"who", single.who},       {"added", single.added.time_since_epoch().count()}};
}

SingleIndicator single_from(const Json& json) {
  SingleIndicator single;
  single.feed = json.at("feed");
  single.name = json.at("name");
  single.exact = json.at("exact");
  single.category = json.at("category");
  single.reason = json.at("reason");
  single.until = optional_time(json.at("until"));
  single.who = json.at("who");
  single.added = state_time(json.at("added"));
  return single;
}

Json json_of(const ExceptionRecord& record) {
  return {{"name", record.exception.name},
          {"exact", record.exception.exact},
          {"reason", record.exception.reason},
          {"until", json_of(record.exception.until)},
          {"client", record.exception.client},
          {"who", record.who},
          {"added", record.added.time_since_epoch().count()}};
}

ExceptionRecord exception_from(const Json& json) {
  ExceptionRecord record;
  record.exception.name = json.at("name");
  record.exception.exact = json.at("exact");
  record.exception.reason = json.at("reason");
  record.exception.until = optional_time(json.at("until"));
  record.exception.client = json.at("client");
  record.who = json.at("who");
  record.added = state_time(json.at("added"));
  return record;
}

Json json_of(const StoredGeneration& generation) {
  Json feeds = Json::object();
  for (const auto& [name, feed] : generation.feeds) {
    feeds[name] = json_of(feed);
  }
  Json singles = Json::array();
  for (const SingleIndicator& single : generation.singles) {
    singles.push_back(json_of(single));
  }
  Json exceptions = Json::array();
  for (const ExceptionRecord& exception : generation.exceptions) {
    exceptions.push_back(json_of(exception));
  }
  return {{"number", generation.number},
          {"made", generation.made.time_since_epoch().count()},
          {"what", generation.what},
          {"who", generation.who},
          {"names", generation.names},
          {"addresses", generation.addresses},
          {"exceptions_settings", generation.exceptions_settings},
          {"snapshot", generation.snapshot},
          {"feeds", std::move(feeds)},
          {"singles", std::move(singles)},
          {"exceptions", std::move(exceptions)}};
}

StoredGeneration generation_from(const Json& json) {
  StoredGeneration generation;
  generation.number = json.at("number");
  generation.made = state_time(json.at("made"));
  generation.what = json.at("what");
  generation.who = json.at("who");
  generation.names = json.at("names");
  generation.addresses = json.at("addresses");
  generation.exceptions_settings = json.at("exceptions_settings");
  generation.snapshot = json.value("snapshot", uint64_t{0});  // manifests of 0.1 have none
  for (const auto& [name, feed] : json.at("feeds").items()) {
    generation.feeds[name] = feed_from(feed);
  }
  for (const Json& single : json.at("singles")) {
    generation.singles.push_back(single_from(single));
  }
  for (const Json& exception : json.at("exceptions")) {
    generation.exceptions.push_back(exception_from(exception));
  }
  return generation;
}

// Texts from outside may hold any bytes.
std::string dump(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string write_manifest(const std::vector<StoredGeneration>& generations) {
  Json all = Json::array();
  for (const StoredGeneration& generation : generations) {
    all.push_back(json_of(generation));
  }
  return seal(dump({{"version", kVersion}, {"journal", true}, {"generations", std::move(all)}}));
}

Result<Manifest> read_manifest(std::string_view text) {
  const auto object = unseal(text);
  if (!object) {
    return object.error();
  }
  try {
    const Json json = parse_state(*object);
    if (json.at("version") != kVersion) {
      return fail("manifest version {}, this program reads {}", json.at("version").dump(), kVersion);
    }
    Manifest manifest;
    for (const Json& generation : json.at("generations")) {
      manifest.generations.push_back(generation_from(generation));
      if (manifest.generations.back().number >= kMostStateNumber) {
        return fail("damaged: generation {}", manifest.generations.back().number);
      }
    }
    if (manifest.generations.empty()) {
      return fail("no generation in it");
    }
    manifest.has_journal = json.value("journal", false);  // manifests of 0.1 have none
    return manifest;
  } catch (const Json::exception& error) {
    return fail("{}", error.what());
  }
}

std::string write_small_change(const SmallChange& change) {
  return dump({{"number", change.number},
               {"made", change.made.time_since_epoch().count()},
               {"what", change.what},
               {"who", change.who},
               {"names", change.names},
               {"addresses", change.addresses},
               {"feed", change.feed},
               {"settings", change.settings},
               {"patch", change.patch},
               {"rejected", change.rejected},
               {"held", change.held},
               {"rejects", change.rejects},
               {"added", change.added ? json_of(*change.added) : Json(nullptr)},
               {"removed", change.removed},
               {"allowed", change.allowed ? json_of(*change.allowed) : Json(nullptr)},
               {"disallowed", change.disallowed}});
}

std::vector<std::string> write_small_changes(const std::vector<SmallChange>& changes) {
  std::vector<std::string> records;
  records.reserve(changes.size());
  std::transform(changes.begin(), changes.end(), std::back_inserter(records), write_small_change);
  return records;
}

Result<SmallChange> read_small_change(std::string_view text) {
  try {
    const Json json = parse_state(text);
    SmallChange change;
    change.number = json.at("number");
    if (change.number >= kMostStateNumber) {
      return fail("damaged: generation {}", change.number);
    }
    change.made = state_time(json.at("made"));
    change.what = json.at("what");
    change.who = json.at("who");
    change.names = json.at("names");
    change.addresses = json.at("addresses");
    change.feed = json.at("feed");
    change.settings = json.at("settings");
    change.patch = json.at("patch");
    change.rejected = json.at("rejected");
    change.held = json.at("held");
    change.rejects = json.at("rejects");
    if (const Json& added = json.at("added"); !added.is_null()) {
      change.added = single_from(added);
    }
    change.removed = json.at("removed");
    if (const Json& allowed = json.at("allowed"); !allowed.is_null()) {
      change.allowed = exception_from(allowed);
    }
    change.disallowed = json.at("disallowed");
    return change;
  } catch (const Json::exception& error) {
    return fail("{}", error.what());
  }
}

std::string write_rejects(const std::vector<RejectRow>& rows) {
  Json json = Json::array();
  for (const RejectRow& row : rows) {
    json.push_back({{"line", row.line}, {"text", row.text}, {"reason", row.reason}, {"held", row.held}});
    if (!row.scope.empty()) {
      json.back()["scope"] = row.scope;
      json.back()["why"] = row.why;
    }
  }
  return dump(json);
}

std::vector<RejectRow> read_rejects(std::string_view text) {
  std::vector<RejectRow> rows;
  try {
    for (const Json& json : parse_state(text)) {
      rows.push_back({json.at("line"), json.at("text"), json.at("reason"), json.at("held"),
                      json.value("scope", ""), json.value("why", "")});
    }
  } catch (const Json::exception&) {
    rows.clear();
  }
  return rows;
}

}  // namespace cenote
