#include "ioc/audit_chain.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "ioc/sealed_text.h"
#include "ioc/state_json.h"
#include "resolver/base/text.h"
#include "resolver/net/digest.h"

namespace cenote::audit {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::string_view kLineBegin = "{\"number\":";
constexpr std::string_view kNewFile = "begin a new file of the record";

// The generation of a line whose checksum, where it has one, is right; 0: of none.
uint64_t generation_of(const OrderedJson& json, const std::string& line) {
  const auto found = json.find("generation");
  const bool is_number = found != json.end() && found->is_number_unsigned() && unseal_line(line);
  const uint64_t generation = is_number ? found->get<uint64_t>() : 0;
  return generation < kMostStateNumber ? generation : 0;
}

}  // namespace

std::string line_of(const AuditEntry& entry, uint64_t number, const std::string& previous) {
  const OrderedJson json{{"number", number},
                         {"time", to_rfc3339(entry.time)},
                         {"who", entry.who},
                         {"what", entry.what},
                         {"outcome", entry.outcome},
                         {"why", entry.why},
                         {"generation", entry.generation},
                         {"added", entry.added},
                         {"removed", entry.removed},
                         {"rejected", entry.rejected},
                         {"held", entry.held},
                         {"previous", previous}};
  return seal_line(json.dump(-1, ' ', true, OrderedJson::error_handler_t::replace));
}

std::optional<AuditEntry> read_line(const std::string& line) {
  const OrderedJson json = OrderedJson::parse(line, nullptr, false);
  if (!json.is_object()) {
    return std::nullopt;
  }
  try {
    AuditEntry entry;
    entry.who = json.at("who");
    entry.what = json.at("what");
    entry.outcome = json.at("outcome");
    entry.generation = generation_of(json, line);
    return entry;
  } catch (const OrderedJson::exception&) {
    return std::nullopt;
  }
}

std::optional<AuditEntry> read_sealed_line(const std::string& line) {
  const auto own = unseal_line(line);
  if (!own || own->size() == line.size()) {
    return std::nullopt;
  }
  try {
    const nlohmann::json json = parse_state(*own);
    AuditEntry entry;
    entry.who = json.at("who");
    entry.what = json.at("what");
    entry.outcome = json.at("outcome");
    entry.why = json.at("why");
    entry.generation = json.at("generation");
    entry.added = json.at("added");
    entry.removed = json.at("removed");
    entry.rejected = json.at("rejected");
    entry.held = json.at("held");
    const bool is_good = parse_wall_time(json.at("time").get<std::string>(), entry.time) &&
                         entry.generation < kMostStateNumber;
    return is_good ? std::optional(std::move(entry)) : std::nullopt;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

bool is_half_a_line(std::string_view tail) {
  const std::string_view begin = tail.substr(0, kLineBegin.size());
  return kLineBegin.starts_with(begin) &&
         !OrderedJson::parse(tail.substr(0, tail.size() - 1), nullptr, false).is_object();
}

AuditEntry first_of_a_file(const std::string& before, uint64_t generation) {
  AuditEntry entry;
  entry.time = wall_now();
  entry.who = "cenote";
  entry.what = kNewFile;
  entry.outcome = "done";
  entry.why = "the lines before are in " + before;
  entry.generation = generation;
  return entry;
}

bool is_first_of_a_file(const AuditEntry& entry) {
  return entry.what == kNewFile;
}

bool Chain::follow(const std::string& line) {
  if (lines == 0) {
    take_up(line);
  }
  return follows_at_a_glance(line) || follow_closely(line);
}

// The oldest file that is kept says itself where it goes on: what was before it is gone, as it should be.
void Chain::take_up(const std::string& line) {
  if (line.find(kNewFile) == std::string::npos || !unseal_line(line)) {
    return;
  }
  const OrderedJson json = OrderedJson::parse(line, nullptr, false);
  const auto has = [&](const char* key, auto is) { return json.contains(key) && (json[key].*is)(); };
  if (json.is_object() && json.value("what", OrderedJson()) == kNewFile &&
      has("number", &OrderedJson::is_number_unsigned) && has("previous", &OrderedJson::is_string) &&
      json["number"].get<uint64_t>() < kMostStateNumber) {
    lines = std::max<uint64_t>(json["number"].get<uint64_t>(), 1) - 1;
    head = json["previous"].get<std::string>();
  }
}

bool Chain::continue_from(const std::vector<std::string>& last) {
  const OrderedJson json = last.empty() ? OrderedJson() : OrderedJson::parse(last.back(), nullptr, false);
  if (!json.is_object() || !json.contains("number") || !json["number"].is_number_unsigned() ||
      json["number"].get<uint64_t>() >= kMostStateNumber) {
    return false;
  }
  for (const std::string& line : last) {
    const auto entry = read_line(line);
    generation = std::max(generation, entry ? entry->generation : 0);
  }
  lines = json["number"].get<uint64_t>();
  head = sha256_hex(last.back());
  return true;
}

// A line whose checksum is right is one of ours, and stands as line_of() wrote it: no need to take a JSON
// apart for each line of a record of years, at a start that DNS waits for.
bool Chain::follows_at_a_glance(const std::string& line) {
  constexpr std::string_view kGeneration = ",\"generation\":";  // no text holds it: quotes are escaped there
  const auto own = unseal_line(line);
  const size_t at = line.find(kGeneration);
  if (!own || own->size() == line.size() || at == std::string::npos ||
      !own->starts_with(fmt::format("{{\"number\":{},", lines + 1)) ||
      !own->ends_with(fmt::format(",\"previous\":\"{}\"}}", head))) {
    return false;
  }
  const size_t digits = at + kGeneration.size();
  const size_t end = line.find_first_not_of("0123456789", digits);
  const uint64_t its = parse_number(std::string_view(line).substr(digits, end - digits)).value_or(0);
  generation = std::max(generation, its < kMostStateNumber ? its : 0);
  ++lines;
  head = sha256_hex(line);
  return true;
}

bool Chain::follow_closely(const std::string& line) {
  const OrderedJson json = OrderedJson::parse(line, nullptr, false);
  const bool fits = json.is_object() && json.contains("number") && json.contains("previous") &&
                    json["number"] == lines + 1 && json["previous"] == head && unseal_line(line);
  generation = json.is_object() ? std::max(generation, generation_of(json, line)) : generation;
  ++lines;
  head = sha256_hex(line);
  return fits;
}

Result<uint64_t> each_line(int file, const std::function<bool(const std::string&)>& take) {
  constexpr size_t kPiece = size_t{256} << 10;
  std::string text;
  std::string line;
  uint64_t at = 0;
  uint64_t whole = 0;
  while (true) {
    text.resize(kPiece);
    const ssize_t got = ::pread(file, text.data(), text.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail("{}", std::strerror(errno));
    }
    if (got == 0) {
      return whole;
    }
    text.resize(static_cast<size_t>(got));
    at += text.size();
    size_t from = 0;
    for (size_t to = text.find('\n'); to != std::string::npos; to = text.find('\n', from)) {
      line.append(text, from, to - from);
      whole += line.size() + 1;
      if (!take(line)) {
        return whole;
      }
      line.clear();
      from = to + 1;
    }
    line.append(text, from);
  }
}

std::vector<std::string> last_lines(int file, uint64_t end, uint64_t wanted, uint64_t most) {
  uint64_t piece_size = 64U << 10;  // doubled each time, so that moving what is there costs little
  std::string text;
  uint64_t begin = end;
  uint64_t ends = 0;  // of lines, that are in `text`
  // One end more than lines: the one before the first.
  while (begin > 0 && ends <= wanted && text.size() < most) {
    std::string piece(std::min({piece_size, begin, most - text.size()}), '\0');
    begin -= piece.size();
    if (::pread(file, piece.data(), piece.size(), static_cast<off_t>(begin)) !=
        static_cast<ssize_t>(piece.size())) {
      return {};  // somebody cut the file off
    }
    ends += static_cast<uint64_t>(std::count(piece.begin(), piece.end(), '\n'));
    text.insert(0, piece);
    piece_size *= 2;
  }
  std::vector<std::string> lines;
  size_t from = begin == 0 ? 0 : text.find('\n') + 1;  // what comes before is the rest of an older line
  for (size_t to = text.find('\n', from); to != std::string::npos; to = text.find('\n', from)) {
    lines.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  if (lines.size() > wanted) {
    lines.erase(lines.begin(), lines.end() - static_cast<ptrdiff_t>(wanted));
  }
  return lines;
}

std::string older_path(const std::string& path, unsigned age) {
  return fmt::format("{}.{}", path, age);
}

std::vector<std::string> all_files(const std::string& path) {
  std::vector<std::string> files;
  std::error_code error;
  for (unsigned age = AuditLog::kOlderFiles + 1; age-- > 0;) {
    if (std::string older = older_path(path, age); std::filesystem::is_regular_file(older, error)) {
      files.push_back(std::move(older));
    }
  }
  files.push_back(path);
  return files;
}

}  // namespace cenote::audit
