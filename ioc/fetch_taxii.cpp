// TAXII 2.1 section 5.4: the objects of a collection, page by page.
#include <nlohmann/json.hpp>

#include "ioc/fetch.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kTaxiiVersion = "taxii ";  // what was added until when
constexpr const char* kPageSize = "1000";
constexpr int kMostPages = 10'000;
constexpr int kMostEmptyPages = 3;

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          c == '-' || c == '.' || c == '_' || c == '~';
    if (is_plain) {
      encoded += c;
    } else {
      fmt::format_to(std::back_inserter(encoded), "%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return encoded;
}

// The collection's objects, whether the source names the collection or its objects.
std::string objects_url(std::string url) {
  const size_t query = std::min(url.find('?'), url.size());
  std::string path = url.substr(0, query);
  while (path.ends_with('/')) {
    path.pop_back();
  }
  if (!path.ends_with("/objects")) {
    path += "/objects";
  }
  return path + '/' + (query == url.size() ? "?" : url.substr(query) + '&') + "limit=" + kPageSize;
}

// A bundle is a few levels deep; what nests without end is after our stack.
bool is_too_deep(std::string_view json) {
  constexpr int kMostLevels = 64;
  int level = 0;
  bool in_text = false;
  for (size_t i = 0; i < json.size() && level <= kMostLevels; ++i) {
    const char c = json[i];
    if (in_text) {
      i += c == '\\' ? 1 : 0;
      in_text = c != '"';
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      ++level;
    } else if (c == '}' || c == ']') {
      --level;
    }
  }
  return level > kMostLevels;
}

struct Page {
  Json objects = Json::array();
  bool has_more = false;
  std::string next;
  std::string added_until;
  size_t bytes = 0;
};

Result<Page> read_page(FetchRequest request, const std::string& query, const std::atomic<bool>& cancelled) {
  request.url += query;
  request.version.clear();
  auto fetched = fetch(request, cancelled);
  if (!fetched) {
    return fetched.error();
  }
  Json json = is_too_deep(fetched->body) ? Json() : Json::parse(fetched->body, nullptr, false);
  if (!json.is_object()) {
    return fail("{}: the answer is no TAXII envelope", request.url);
  }
  Page page;
  page.bytes = fetched->body.size();
  page.added_until = fetched->added_until;
  if (const auto objects = json.find("objects"); objects != json.end() && objects->is_array()) {
    page.objects = std::move(*objects);
  }
  if (const auto more = json.find("more"); more != json.end() && more->is_boolean()) {
    page.has_more = more->get<bool>();
  }
  if (const auto next = json.find("next"); next != json.end() && next->is_string()) {
    page.next = next->get<std::string>();
  }
  return page;
}

// Where the next page begins: the server's mark, or what was added after the last one. Empty: no way on.
std::string query_after(const Page& page) {
  if (!page.next.empty()) {
    return "&next=" + percent_encoded(page.next);
  }
  return page.added_until.empty() ? "" : "&added_after=" + percent_encoded(page.added_until);
}

}  // namespace

Result<Fetched> fetch_taxii(const FetchRequest& given, const std::atomic<bool>& cancelled) {
  FetchRequest request = given;
  request.end = std::min(given.end, mono_now() + kMostFetchTime);
  request.url = objects_url(given.url);
  request.accept = "application/taxii+json;version=2.1";
  Fetched whole;
  if (given.version.starts_with(kTaxiiVersion)) {
    const std::string since = "&added_after=" + percent_encoded(given.version.substr(kTaxiiVersion.size()));
    auto page = read_page(request, since, cancelled);
    if (page && page->objects.empty() && !page->has_more) {
      whole.is_unchanged = true;
      whole.version = given.version;
      return whole;
    }
  }
  Json bundle{{"type", "bundle"}, {"objects", Json::array()}};
  std::string query;
  uint64_t bytes = 0;
  int empty_pages = 0;
  for (int pages = 0; pages < kMostPages; ++pages) {
    auto page = read_page(request, query, cancelled);
    if (!page) {
      return page.error();
    }
    bytes += page->bytes;
    if (bytes > given.most_bytes) {
      return fail("{}: more than {} bytes", given.url, given.most_bytes);
    }
    empty_pages = page->objects.empty() ? empty_pages + 1 : 0;
    for (Json& object : page->objects) {
      bundle["objects"].push_back(std::move(object));
    }
    whole.added_until = page->added_until.empty() ? whole.added_until : page->added_until;
    if (!page->has_more) {
      whole.version = whole.added_until.empty() ? "" : std::string(kTaxiiVersion) + whole.added_until;
      whole.body = bundle.dump(-1, ' ', false, Json::error_handler_t::replace);
      return whole;
    }
    const std::string after = query_after(*page);
    if (after.empty() || after == query || empty_pages >= kMostEmptyPages) {
      return fail("{}: says that there is more, but not how to get on", given.url);
    }
    query = after;
  }
  return fail("{}: more than {} pages", given.url, kMostPages);
}

}  // namespace cenote
