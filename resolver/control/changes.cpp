// The API's answers that change something: what is blocked, and what is excepted.
#include "resolver/base/text.h"
#include "resolver/control/call.h"
#include "resolver/control/fields.h"
#include "resolver/control/upload.h"

namespace cenote {
namespace {

bool may_change(const ControlCallRef& call, const std::string& feed) {
  if (call->may(Right::kPush, feed)) {
    return true;
  }
  call->refuse(403, "forbidden",
               fmt::format("this token needs the scope push:{}, operate or admin", printable(feed, 62)));
  return false;
}

// Whom the exception is for: its client, this group, or everybody when both are empty.
bool bind_or_refuse(const ControlCallRef& call, ExceptionSettings& exception, const std::string& group) {
  if (group.empty()) {
    return exception.client.empty() || prefix_or_refuse(call, "client", exception.client);
  }
  if (!exception.client.empty()) {
    call->refuse(400, "bad_request", "an exception is for a client or for a group, not for both");
    return false;
  }
  exception.client = for_group(group);
  return is_known_group(call, group);
}

}  // namespace

void put_feed(const ControlCallRef& call) {
  const std::string& feed = call->captures[0];
  if (!is_known_feed(call, feed)) {
    return;
  }
  const Upload* upload = call->upload();
  if (upload == nullptr ||
      !upload->list()) {  // an empty one for which there is no file; or a right that came late
    call->refuse(503, "busy", "the list could not be taken in; send it again");
    return;
  }
  PushRequest push;
  push.feed = feed;
  push.list = upload->list();
  push.format = call->request.parameter("format").value_or("");
  push.who = call->who();
  push.dry_run = call->request.parameter("dry_run").value_or("0") != "0";
  // What people ask for is for those who may read it.
  call->backend.push(std::move(push), call->may(Right::kRead), answer_with_result(call));
}

void patch_feed(const ControlCallRef& call) {
  const std::string& feed = call->captures[0];
  if (!is_known_feed(call, feed)) {
    return;
  }
  if (auto body = read_object(call)) {
    Fields fields(call, std::move(*body));
    PatchRequest patch{feed, fields.texts("add"), fields.texts("remove"), call->who()};
    if (fields.finish()) {
      call->backend.patch(std::move(patch), answer_with_result(call));
    }
  }
}

void post_refresh(const ControlCallRef& call) {
  if (is_known_feed(call, call->captures[0])) {
    call->backend.refresh(call->captures[0], answer_with_result(call));
  }
}

void post_rollback(const ControlCallRef& call) {
  const auto wanted = parse_number(call->captures[0]);
  for (const GenerationRecord& generation : call->backend.generations()) {
    if (wanted && generation.number == *wanted) {
      call->backend.rollback(*wanted, call->who(), answer_with_result(call));
      return;
    }
  }
  call->refuse(404, "unknown_generation",
               fmt::format("there is no generation {} to go back to", printable(call->captures[0], 30)));
}

void post_exception(const ControlCallRef& call) {
  auto body = read_object(call);
  if (!body) {
    return;
  }
  Fields fields(call, std::move(*body));
  ExceptionSettings exception;
  exception.name = fields.text("name");
  exception.exact = fields.flag("exact");
  exception.reason = fields.text("reason");
  exception.until = fields.end();
  exception.client = fields.text("client");
  const std::string group = fields.text("group");
  fields.require(exception.name, "name");
  fields.require(exception.reason, "reason");
  if (!fields.finish()) {
    return;
  }
  const auto name = indicator_or_refuse(call, "name", exception.name);
  if (!name || !bind_or_refuse(call, exception, group)) {
    return;
  }
  exception.name = *name;
  call->backend.add_exception(std::move(exception), call->who(), answer_with_result(call));
}

void delete_exception(const ControlCallRef& call) {
  if (const auto name = indicator_or_refuse(call, "name", call->captures[0])) {
    for (const ExceptionRecord& record : call->backend.exceptions()) {
      if (record.exception.name == *name) {
        call->backend.remove_exception(record.exception.name, call->who(), answer_with_result(call));
        return;
      }
    }
    call->refuse(404, "unknown_exception", fmt::format("there is no exception for {}", *name));
  }
}

void post_indicator(const ControlCallRef& call) {
  auto body = read_object(call);
  if (!body) {
    return;
  }
  Fields fields(call, std::move(*body));
  SingleIndicator indicator;
  indicator.name = fields.text("name");
  indicator.feed = fields.text("feed");
  indicator.category = fields.text("category", 30);
  indicator.reason = fields.text("reason");
  indicator.exact = fields.flag("exact");
  indicator.force = fields.flag("force");
  indicator.until = fields.end();
  indicator.who = call->who();
  indicator.added = call->now.wall;
  fields.require(indicator.name, "name");
  fields.require(indicator.feed, "feed");
  fields.require(indicator.reason, "reason");
  if (!fields.finish() || !may_change(call, indicator.feed) || !is_known_feed(call, indicator.feed)) {
    return;
  }
  if (indicator.force && !call->may(Right::kOperate)) {
    call->refuse(403, "forbidden", "force: this token needs the scope operate or admin");
    return;
  }
  call->backend.add_indicator(std::move(indicator), answer_with_result(call));
}

void delete_indicator(const ControlCallRef& call) {
  const std::string feed = call->request.parameter("feed").value_or("");
  if (feed.empty()) {
    call->refuse(400, "bad_request", "feed: is missing");
    return;
  }
  if (may_change(call, feed) && is_known_feed(call, feed)) {
    call->backend.remove_indicator(feed, call->captures[0], call->who(), answer_with_result(call));
  }
}

}  // namespace cenote
