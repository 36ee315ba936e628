// The control API's values as JSON. docs/control-api.md specifies them; keys are added, never renamed. What
// comes from outside is escaped to printable ASCII.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "resolver/control/backend.h"

namespace cenote {

using Json = nlohmann::ordered_json;

Json to_json(const ChangeResult& result);
Json to_json(const FeedStatus& feed);
Json to_json(const RejectRow& row);
Json to_json(const HeldChange& change);
Json to_json(const FeedDelta& delta);
Json to_json(const TrafficChange& change);
Json to_json(const GenerationRecord& generation);
Json to_json(const ExceptionRecord& record);
Json to_json(const SingleIndicator& indicator);
Json to_json(const UpstreamStatus& upstream);
Json to_json(const Fault& fault);
Json to_json(const ServerStatus& status, WallTime now);
Json to_json(const ExplainStep& step);
Json to_json(const Explanation& explanation);
Json to_json(const History::Found& incident);

std::string hit_line(const NumberedEvent& hit);  // docs/events.md with "number" in front; no newline

std::string to_text(const Json& json);

}  // namespace cenote
