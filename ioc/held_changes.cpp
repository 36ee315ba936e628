#include "ioc/held_changes.h"

#include <filesystem>
#include <set>

#include <nlohmann/json.hpp>

#include "ioc/content_hash.h"
#include "ioc/durable_file.h"
#include "ioc/sealed_text.h"
#include "ioc/state_json.h"
#include "resolver/base/log.h"

namespace cenote {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view kJson = ".json";
constexpr std::string_view kList = ".list";
constexpr uint64_t kMostJsonBytes = uint64_t{1} << 20;

Json json_of_held(const HeldList& held) {
  const HeldChange& change = held.change;
  return {{"feed", change.feed},       {"guard", change.guard},
          {"why", change.why},         {"what", change.what},
          {"who", change.who},         {"time", change.time.time_since_epoch().count()},
          {"entries", change.entries}, {"entries_before", change.entries_before},
          {"format", held.format},     {"version", held.version},
          {"content", held.content},   {"refused", held.is_refused}};
}

Result<HeldList> read(const std::string& path) {
  const auto sealed = read_whole_file(path, kMostJsonBytes);
  const auto text = sealed ? unseal(*sealed) : sealed;
  if (!text) {
    return sealed ? text.error().within(path) : text.error();
  }
  try {
    const Json json = parse_state(*text);
    HeldList held;
    held.change = {json.at("feed"),    json.at("guard"),         json.at("why"),
                   json.at("what"),    json.at("who"),           state_time(json.at("time")),
                   json.at("entries"), json.at("entries_before")};
    held.format = json.at("format");
    held.version = json.at("version");
    held.content = json.at("content");
    held.is_refused = json.at("refused");
    return held;
  } catch (const Json::exception& error) {
    return fail("{}: {}", path, error.what());
  }
}

}  // namespace

std::string HeldChanges::path(const std::string& feed, std::string_view end) const {
  return folder_ + '/' + feed + std::string(end);
}

void HeldChanges::open(std::string folder) {
  folder_ = std::move(folder);
  std::error_code error;
  fs::create_directories(folder_, error);
  std::set<std::string> feeds;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const fs::path extension = entry.path().extension();
    if (extension == kJson || extension == kList) {
      feeds.insert(entry.path().stem().string());
    }
  }
  for (const std::string& feed : feeds) {
    if (Result<void> taken = take_over(feed); !taken) {
      damaged_[feed] = fmt::format("a list that was held cannot be released any more: {}: push it again",
                                   taken.error().message);
      log::error("feed {}: {}", feed, damaged_[feed]);
      for (const std::string& each : {path(feed, kJson), list_path(feed)}) {
        static_cast<void>(set_aside(each, kDamaged));
      }
    }
  }
}

// What it is and the list that came go together.
Result<void> HeldChanges::take_over(const std::string& feed) {
  auto held = read(path(feed, kJson));
  if (!held) {
    return held.error();
  }
  if (held->change.feed != feed) {
    return fail("{}: is about another feed", path(feed, kJson));
  }
  if (!held->is_refused) {
    ContentHash hash;
    const Result<void> read_list = read_pieces(list_path(feed), kMostIncomingBytes, [&](Bytes piece) {
      hash.add(piece);
      return Result<void>{};
    });
    if (!read_list || hash.id() != held->content) {
      return read_list ? fail("{}: damaged", list_path(feed)) : read_list;
    }
  }
  held_[feed] = std::move(*held);
  return {};
}

Result<void> HeldChanges::write(const HeldList& held) const {
  const std::string text = seal(json_of_held(held).dump(1, ' ', false, Json::error_handler_t::replace));
  return replace_file(path(held.change.feed, kJson), as_bytes(text), Durability::kCommit);
}

Result<void> HeldChanges::keep(HeldList held, IncomingList& list) {
  const std::string& feed = held.change.feed;
  if (Result<void> kept = list.keep_as(list_path(feed), Durability::kCommit); !kept) {
    return kept;
  }
  if (Result<void> kept = write(held); !kept) {
    return kept;
  }
  held_[feed] = std::move(held);
  damaged_.erase(feed);
  return {};
}

Result<void> HeldChanges::refuse(const std::string& feed) {
  HeldList& held = held_[feed];
  held.is_refused = true;
  if (Result<void> written = write(held); !written) {
    held.is_refused = false;
    return written;
  }
  std::error_code error;
  fs::remove(list_path(feed), error);
  return {};
}

void HeldChanges::drop(const std::string& feed) {
  damaged_.erase(feed);
  if (held_.erase(feed) == 0) {
    return;
  }
  std::error_code error;
  fs::remove(path(feed, kJson), error);
  fs::remove(list_path(feed), error);
}

const HeldList* HeldChanges::find(const std::string& feed) const {
  const auto found = held_.find(feed);
  return found == held_.end() ? nullptr : &found->second;
}

std::vector<HeldChange> HeldChanges::waiting() const {
  std::vector<HeldChange> all;
  for (const auto& [feed, held] : held_) {
    if (!held.is_refused) {
      all.push_back(held.change);
    }
  }
  return all;
}

}  // namespace cenote
