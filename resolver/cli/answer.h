// Asking the API and reading what it says, for the commands alone. Whatever answers may be anything: a value
// of another type reads as empty.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "resolver/cli/commands.h"

namespace cenote {

using Json = nlohmann::ordered_json;

// What a server said; discarded (Json::is_discarded) when it is no JSON, or nested deeper than an answer is:
// the server may not be who we think it is, and each level costs memory.
Json parse_answer(std::string_view text);

// Asks; shows an error of the API or of the way to it and returns 1; shows the JSON as it came with --json;
// else lets `show` present the answer. An answer that `is_found` denies is exit code 1 as well.
int ask(const CommandContext& context, const ApiRequest& request,
        const std::function<void(const Json&)>& show, const std::function<bool(const Json&)>& is_found = {});
// The same for a list that comes in pages: asks for all of them, and gives them as one, {key: [...]}.
int ask_all(const CommandContext& context, const std::string& path, const char* key,
            const std::function<void(const Json&)>& show);
// The error of an answer, in words.
std::string error_of(const ApiResponse& response);

std::string text_of(const Json& object, const char* key);
uint64_t number_of(const Json& object, const char* key);
bool flag_of(const Json& object, const char* key);
const Json& list_of(const Json& object, const char* key);  // an empty list when there is none
std::string local_time(const std::string& rfc3339);        // "2026-11-22 21:15:30", or "-" for none

std::string whom_of(const Json& exception);  // "group office", "10.0.0.0/8"; empty: everybody

// "?a=1&b=2", values encoded, empty ones left out.
std::string query_string(const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace cenote
