#include "conf/sections.h"

#include <algorithm>
#include <filesystem>

namespace cenote {

std::string ReadContext::resolved(const std::string& path) const {
  return std::filesystem::path(path).is_absolute() ? path : (std::filesystem::path(base_dir) / path).string();
}

void read_each(MapReader& parent, std::string_view key, Findings& findings,
               const std::function<void(MapReader&)>& read_one) {
  const YamlNode* node = parent.find(key);
  if (node == nullptr) {
    return;
  }
  const std::string path = parent.path_of(key);
  if (node->kind != YamlNode::Kind::kList) {
    findings.error(node->at, fmt::format("{}: expected a list (- ...), not {}; [] is an empty one", path,
                                         describe(*node)));
    return;
  }
  for (size_t i = 0; i < node->items.size(); ++i) {
    MapReader item(node->items[i], fmt::format("{}[{}]", path, i), findings);
    read_one(item);
    item.finish();
  }
}

void read_path(MapReader& map, std::string_view key, std::string& out, ReadContext& context) {
  if (map.value(key, out, file_path())) {
    out = context.resolved(out);
  }
}

void read_optional_path(MapReader& map, std::string_view key, std::string& out, ReadContext& context) {
  const YamlNode* node = map.find(key);
  if (node != nullptr && node->kind == YamlNode::Kind::kScalar && node->text.empty()) {
    out.clear();
  } else {
    read_path(map, key, out, context);
  }
}

void read_listeners(MapReader& map, std::string_view key, std::vector<SocketAddress>& out,
                    ReadContext& context) {
  std::vector<TextPosition> positions;
  map.list(key, out, socket_address(), &positions);
  for (size_t i = 0; i < out.size(); ++i) {
    const TextPosition at = i < positions.size() ? positions[i] : map.at();
    context.claims.push_back({out[i], at, map.path_of(key)});
  }
}

void read_certificate(MapReader& map, std::string& certificate, std::string& key, ReadContext& context) {
  read_path(map, "certificate", certificate, context);
  read_path(map, "key", key, context);
  if (certificate.empty() != key.empty()) {
    context.findings.error(map.at(), fmt::format("{}: a certificate needs its key, and a key its certificate",
                                                 map.path_of(certificate.empty() ? "certificate" : "key")));
  }
  if (!context.looks_at_files) {
    return;
  }
  for (const auto& [name, path] : {std::pair("certificate", certificate), std::pair("key", key)}) {
    std::error_code failed;
    if (!path.empty() && !std::filesystem::is_regular_file(path, failed)) {
      // No error: DNS starts without what the certificate is for.
      context.findings.warning(map.at(name), fmt::format("{}: there is no file {}", map.path_of(name), path));
    }
  }
}

ValueKind<Name> domain_name() {
  return {R"(a domain name, or "." for all)", Name::from_text};
}

ValueKind<std::string> category_name() {
  return {"a category: 1 to 30 of a-z 0-9 -, beginning with a letter or digit",
          [](std::string_view text) -> std::optional<std::string> {
            const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
            // 30 bytes: what a verdict carries to events and answers.
            if (text.empty() || text.size() > 30 || !is_word(text[0]) ||
                !std::all_of(text.begin(), text.end(), [&](char c) { return is_word(c) || c == '-'; })) {
              return std::nullopt;
            }
            return std::string(text);
          }};
}

}  // namespace cenote
