// The commands that speak to a running server. Each asks, shows the answer (or its JSON as it came), and
// returns the exit code: 0 done, 1 refused, not found or nobody there.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "resolver/cli/api_client.h"
#include "resolver/cli/output.h"

namespace cenote {

struct CommandContext {
  ApiTransport& api;
  Output& output;
  bool is_json = false;
};

struct PushArguments {
  std::string feed;
  std::string file;  // "-": standard input
  std::string format;
  std::string idempotency_key;
};
struct IndicatorArguments {
  std::string name;
  std::string feed;
  std::string category;
  std::string reason;
  std::string until;
  bool is_exact = false;
  bool force = false;
};
struct HoldArguments {
  std::string feed;
  std::vector<std::string> names;
  bool all = false;
  bool change = false;
  std::string reason;
};
struct PromoteArguments {
  std::string feed;
  bool is_sure = false;
  bool force = false;
};
struct AllowArguments {
  std::string name;
  std::string duration;
  std::string until;
  std::string client;
  std::string group;
  std::string reason;
  bool is_exact = false;
};
struct HitArguments {
  bool follows = false;
  std::string client;
  std::string client_name;
  std::string name;
  std::string since;
  unsigned limit = 0;  // 0: the server's own
};

int show_status(const CommandContext& context);
int show_readiness(const CommandContext& context, bool wants_fresh);  // 0: clients may be sent there
int list_feeds(const CommandContext& context);
int push_feed(const CommandContext& context, const PushArguments& arguments);
int diff_feed(const CommandContext& context, const PushArguments& arguments);  // what a push would do
int refresh_feed(const CommandContext& context, const std::string& feed);
int list_rejects(const CommandContext& context, const std::string& feed);
int diff_generations(const CommandContext& context, const std::string& from, const std::string& to);
struct ExportArguments {
  std::string format = "plain";
  std::string feed;
  std::string category;
};
int export_indicators(const CommandContext& context, const ExportArguments& arguments);
int list_held(const CommandContext& context, const std::string& feed);  // empty: of all
int release_held(const CommandContext& context, const HoldArguments& arguments);
int refuse_held(const CommandContext& context, const HoldArguments& arguments);
int promote_feed(const CommandContext& context, const PromoteArguments& arguments);
int show_audit(const CommandContext& context, unsigned limit);            // 0: the server's own
int verify_audit(Output& output, const std::string& file, bool is_json);  // offline
int list_generations(const CommandContext& context);
int roll_back(const CommandContext& context, const std::string& generation);  // empty: the one before
int add_indicator(const CommandContext& context, const IndicatorArguments& arguments);
int remove_indicator(const CommandContext& context, const std::string& name, const std::string& feed);
int find_indicator(const CommandContext& context, const std::string& name);
int allow_name(const CommandContext& context, const AllowArguments& arguments);
int list_exceptions(const CommandContext& context);
int remove_exception(const CommandContext& context, const std::string& name);
struct ExplainArguments {
  std::string client;
  std::string client_name;
  bool has_certificate = false;
  std::string type;
};
int explain_name(const CommandContext& context, const std::string& name, const ExplainArguments& arguments);
int show_hits(const CommandContext& context, const HitArguments& arguments);
int show_incident(const CommandContext& context, const std::string& id);

}  // namespace cenote
