#include <nlohmann/json.hpp>

#include "ioc/durable_file.h"
#include "ioc/guards.h"
#include "ioc/normalise.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr uint64_t kMostFileBytes = uint64_t{64} << 20;

void take(std::string_view text, GuardFile& out) {
  text = trim(text);
  if (const auto block = Prefix::from_text(text)) {
    out.blocks.push_back(*block);
    return;
  }
  if (text.starts_with("*.")) {
    text.remove_prefix(1);
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);  // MISP marks so that names below are meant too
  }
  HostName host;
  if (canonical_name(text, host) == Reason::kNone && check_name(host) == Reason::kNone) {
    out.names.emplace_back(host.view());
  }
}

Result<GuardFile> parse_warninglist(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("list") || !json["list"].is_array()) {
    return fail("no MISP warninglist: an object with a \"list\" is wanted");
  }
  GuardFile file;
  if (const auto name = json.find("name"); name != json.end() && name->is_string()) {
    file.title = name->get<std::string>();
  }
  for (const auto& entry : json["list"]) {
    if (entry.is_string()) {
      take(entry.get_ref<const std::string&>(), file);
    }
  }
  return file;
}

}  // namespace

Result<GuardFile> parse_guard_file(std::string_view text) {
  if (trim(text.substr(0, text.find_first_not_of(" \t\r\n") + 1)).ends_with('{')) {
    return parse_warninglist(text);
  }
  GuardFile file;
  for (std::string_view line : split(text, '\n')) {
    line = trim(line.substr(0, std::min(line.find('#'), line.find('\r'))));
    if (!line.empty()) {
      take(line.substr(line.rfind(',') + 1), file);
    }
  }
  return file;
}

Result<GuardFile> read_guard_file(const std::string& path) {
  const auto text = read_whole_file(path, kMostFileBytes);
  if (!text) {
    return text.error();
  }
  auto file = parse_guard_file(*text);
  if (!file) {
    return file.error().within(path);
  }
  if (file->names.empty() && file->blocks.empty()) {
    return fail("{}: no name and no address in it", path);
  }
  return file;
}

}  // namespace cenote
