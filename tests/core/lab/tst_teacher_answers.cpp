// Teacher answers: examples by likeness, checks and votes, rows that stay home, the derived dataset, the trial's figures.
#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <set>

#include "base/hash.h"
#include "data/dataset_build.h"
#include "fixtures/providers/desk_rows.h"
#include "lab/derive.h"
#include "lab/teacher_answers.h"
#include "lab/teacher_check.h"
#include "lab/teacher_compare.h"
#include "lab/teacher_similar.h"

using namespace retort;
using fixtures::ScriptServer;
using fixtures::SeenRequest;
using fixtures::Wire;

namespace {

struct Desk {
  QTemporaryDir dir;
  fs::path at = dir.path().toStdString();
  Workspace workspace = *Workspace::create(at / "w");
  data::Dataset dataset;

  explicit Desk(int rows = 60) {
    fixtures::writeDesk(at, rows);
    data::BuildOptions o;
    o.name = "desk";
    o.rows = at / "rows.jsonl";
    o.golden = at / "golden.jsonl";
    o.references = at / "labels.jsonl";
    auto made = data::buildDataset(workspace, o);
    if (!made.ok()) qFatal("%s", made.error().text().c_str());
    dataset = *made;
  }
  void addTeacher(const std::string& url, const std::string& price = "3", bool allowPii = false) const {
    providers::Teacher t;
    t.name = "scripted";
    t.kind = providers::Kind::compatible;
    t.url = url;
    t.model = "teacher-1";
    t.price = price;
    t.priceOutput = price.empty() ? "" : "15";
    t.capabilities.stream = false;
    t.allowPii = allowPii;
    t.note = {"yes", "our own model", "memo 7", "2026-01-02"};
    const auto saved = providers::saveTeacher(workspace, t, true);
    if (!saved.ok()) qFatal("%s", saved.error().text().c_str());
  }
  fs::path jobFolder() const {
    fs::create_directories(workspace.jobs() / "20260101-000000-abcd");
    return workspace.jobs() / "20260101-000000-abcd";
  }
};

lab::TeacherJob jobFor(const Desk& d) {
  lab::TeacherJob j;
  j.dataset = d.dataset.id;
  j.teacher = "scripted";
  return j;
}

}  // namespace

class TestTeacherAnswers : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { qunsetenv("http_proxy"); }

  void bm25RanksByWords() {
    const lab::Bm25 index({"the cat sat on the mat", "dogs and cats", "a mat for the cat and the cat", "nothing here"});
    QVERIFY((index.nearest("cat mat", 2) == std::vector<std::size_t>{2, 0}));
    // By hand: N = 4, n(cat) = 2, idf ln(1 + 2.5 / 2.5); lengths 6 3 8 2, mean 4.75.
    const double idf = std::log(2.0), part = 1.2 * (0.25 + 0.75 * 6 / 4.75);
    QVERIFY(std::abs(index.scores("cat")[0] - idf * 2.2 / (1 + part)) < 1e-12);
    QCOMPARE(index.scores("unknown")[1], 0.0);
    QVERIFY((lab::Bm25::words("Über-Cats, 12!") == std::vector<std::string>{"\xC3\x9C" "ber", "cats", "12"}));
  }

  void checksSayWhy() {
    data::EvalPlan plan;
    plan.labels = {"a", "b"};
    plan.extractor = "label";
    const auto why = [&](const char* check, const char* answer) {
      const auto c = lab::AnswerChecker::parse(check, plan);
      return c.ok() ? *c->reject(answer) : c.error().code;
    };
    QCOMPARE(why("labels", " A. "), std::string());
    QCOMPARE(why("labels", "c"), std::string("not one of the labels"));
    QCOMPARE(why("labels:x,y", "y"), std::string());
    QCOMPARE(why("regex:^[0-9]+$", "12"), std::string());
    QCOMPARE(why("regex:^[0-9]+$", "x"), std::string("does not match the pattern"));
    QCOMPARE(why("json", "{\"a\":1}"), std::string());
    QCOMPARE(why("json:b", "```json\n{\"a\":1}\n```"), std::string("JSON without b"));
    QCOMPARE(why("json", "a"), std::string("no JSON"));
    QCOMPARE(why("none", " \n"), std::string("empty"));
    QCOMPARE(why("magic", ""), std::string("lab.check.text"));
  }

  void personalDataIsFound() {
    const auto kinds = [](const char* text) { return lab::personalData(text); };
    using L = std::vector<std::string>;
    QVERIFY(kinds("write to ann.lee@example.org now") == L{"e-mail"});
    QVERIFY(kinds("card 4111 1111 1111 1111 please") == L{"card"});
    QVERIFY(kinds("card 4111 1111 1111 1112 please").empty());
    QVERIFY(kinds("call +49 30 1234567") == L{"phone"});
    QVERIFY(kinds("DE89 3704 0044 0532 0130 00") == L{"IBAN"});
    QVERIFY(kinds("host 192.168.0.12 is down") == L{"IP address"});
    QVERIFY(kinds("version 1.2.3 of 2026-01-02, order 12345, at noon").empty());
    QVERIFY(kinds("sk-abcdefghijklmnopqrstuv") == L{"key"});
  }

  void reasoningIsSplitOff() {
    providers::Answer a;
    a.text = "<think>\nhm\n</think>\n\nyes";
    lab::splitReasoning(a);
    QCOMPARE(a.text, std::string("yes"));
    QCOMPARE(a.reasoning, std::string("hm"));
    a.text = "say <think>x</think>";
    lab::splitReasoning(a);
    QCOMPARE(a.text, std::string("say <think>x</think>"));
  }

  void answersBecomeADataset() {
    Desk desk;
    // Every seventh row gets chatter that is no label.
    ScriptServer server([](const SeenRequest& r, Wire& w) { w.answer(200, fixtures::deskReply(r.body, r.body.find("number 7 ") != std::string::npos ? "I think it is about money" : "")); });
    desk.addTeacher(server.url());
    auto job = jobFor(desk);
    job.golden = "similar";
    job.goldenCount = 2;
    job.name = "bought";
    const auto made = lab::answerWithTeacher(desk.workspace, desk.jobFolder(), job, {}, {});
    QVERIFY2(made.ok(), made.ok() ? "" : made.error().text().c_str());
    const auto asked = desk.dataset.train + desk.dataset.validation;
    QCOMPARE(std::int64_t(server.count()), asked);
    const auto d = data::loadDataset(desk.workspace, (*made)["dataset"].get<std::string>());
    QVERIFY(d.ok() && data::verifyDataset(*d).ok());
    QCOMPARE(d->test, desk.dataset.test);
    QCOMPARE(d->train + d->validation, (*made)["accepted"].get<std::int64_t>());
    QCOMPARE((*made)["accepted"].get<std::int64_t>() + (*made)["rejected"].get<std::int64_t>(), asked);
    QCOMPARE(d->card["output_use"]["source"].get<std::string>(), std::string("memo 7"));
    QCOMPARE(d->card["answers"]["teacher"]["model"].get<std::string>(), std::string("teacher-1"));
    QCOMPARE((*made)["spent_usd"].get<double>(), static_cast<double>(asked) * (40 * 3 + 3 * 15) / 1e6);
    const auto rows = lab::readDatasetRows(*d);
    for (const auto& row : rows->train) {
      QCOMPARE(row.teacher, std::string("teacher-1"));
      const auto text = row.messages.back()["content"].get<std::string>();
      QCOMPARE(row.target["content"].get<std::string>(), text.substr(text.rfind(' ') + 1));
      QCOMPARE(row.source["steered_by"].size(), std::size_t(2));
    }
    // Two examples stand between the system message and the question; the nearest one is last.
    const auto body = *parseJson(server.seen()[0].body, "b");
    QCOMPARE(body["messages"].size(), std::size_t(6));
    QCOMPARE(body["messages"][0]["role"].get<std::string>(), std::string("system"));
    // Like goes with like: the example's topic is the question's.
    const auto question = body["messages"][5]["content"].get<std::string>();
    QCOMPARE(body["messages"][4]["content"].get<std::string>(), question.substr(question.rfind(' ') + 1));
    // Again: nothing is bought.
    const int before = server.count();
    const auto again = lab::answerWithTeacher(desk.workspace, desk.jobFolder(), job, {}, {});
    QVERIFY(again.ok());
    QCOMPARE(server.count(), before);
  }

  void personalRowsStayHome() {
    // The teacher of this test is on another address in name only: its host must not be loopback, so nothing is sent at all.
    Desk desk(30);
    auto rows = *lab::readDatasetRows(desk.dataset);
    providers::Teacher t;
    t.name = "far";
    t.kind = providers::Kind::compatible;
    t.url = "https://teacher.example";
    t.model = "teacher-1";
    QVERIFY(providers::saveTeacher(desk.workspace, t, true).ok());
    qputenv("RETORT_KEY_FAR", "k");
    std::vector<job::Row> two(rows.train.begin(), rows.train.begin() + 2);
    two[0].messages.back()["content"] = "my mail is a.b@example.org";
    two[1].source["pii"] = true;
    auto opened = lab::TeacherDesk::open(desk.workspace, "far", {std::make_shared<providers::HttpClient>(providers::HttpClient::Reach::loopback)});
    QVERIFY(opened.ok());
    data::EvalPlan plan;
    const auto out = opened->ask({&two[0], &two[1]}, {}, jobFor(desk), plan, "t", "s", {}, {});
    QVERIFY2(out.ok(), out.ok() ? "" : out.error().text().c_str());
    QCOMPARE((*out)[0].reason, std::string("personal data (e-mail)"));
    QCOMPARE((*out)[1].reason, std::string("personal data (flagged)"));
    QCOMPARE(opened->tally().attempts, std::int64_t(0));
    QVERIFY(opened->price() == std::nullopt);
  }

  void votesChoose() {
    Desk desk(30);
    // The first sample errs on every second question; the two others agree on the right word.
    ScriptServer server([](const SeenRequest& r, Wire& w) {
      const auto json = *parseJson(r.body, "b");
      const bool isFirst = json["temperature"].get<double>() == 0;
      const bool isOdd = json["messages"].back()["content"].get<std::string>().size() % 2 == 1;
      w.answer(200, fixtures::deskReply(r.body, isFirst && isOdd ? "login" : ""));
    });
    desk.addTeacher(server.url());
    const auto trial = lab::tryTeacher(desk.workspace, [&] {
      auto j = jobFor(desk);
      j.bestOf = 3;
      return j;
    }(), 20, {}, {});
    QVERIFY2(trial.ok(), trial.ok() ? "" : trial.error().text().c_str());
    QCOMPARE(trial->arms.size(), std::size_t(3));
    QCOMPARE(trial->reference, std::string("annotations"));
    const auto& plain = trial->arms[0];
    const auto& best = trial->arms[2];
    QCOMPARE(best.name, std::string("best of 3"));
    QCOMPARE(best.right, best.n);
    QVERIFY(plain.right < plain.n);
    QVERIFY(std::abs(best.gain - static_cast<double>(best.right - plain.right) / static_cast<double>(best.n)) < 1e-12);
    QVERIFY(best.gainInterval.low <= best.gain && best.gain <= best.gainInterval.high);
    QVERIFY(best.forecast.low && plain.forecast.low && *best.forecast.low > *plain.forecast.low);
    QVERIFY(trial->spent > 0);
  }

  void previewForecasts() {
    Desk desk;
    ScriptServer server([](const SeenRequest& r, Wire& w) { w.answer(200, fixtures::deskReply(r.body)); });
    desk.addTeacher(server.url());
    const auto p = lab::previewTeacher(desk.workspace, jobFor(desk), 16, {}, {});
    QVERIFY2(p.ok(), p.ok() ? "" : p.error().text().c_str());
    QCOMPARE(p->answers.size(), std::size_t(16));
    QCOMPARE(p->forecast.rows, desk.dataset.train + desk.dataset.validation - 16);
    const auto each = providers::NanoUsd(40 * 3000 + 3 * 15000);
    QVERIFY(p->forecast.low && *p->forecast.low <= each * p->forecast.rows && *p->forecast.high >= each * p->forecast.rows);
    QVERIFY2(p->forecast.sentence().find("16 probe rows") != std::string::npos, p->forecast.sentence().c_str());
    desk.addTeacher(server.url(), "");
    const auto unknown = lab::previewTeacher(desk.workspace, jobFor(desk), 16, {}, {});
    QVERIFY(unknown.ok() && !unknown->forecast.low);
    QVERIFY(unknown->forecast.sentence().find("unknown") != std::string::npos);
  }

  void columnsSideBySide() {
    Desk desk;
    // Wrong about every login, silent about nothing.
    ScriptServer server([](const SeenRequest& r, Wire& w) { w.answer(200, fixtures::deskReply(r.body, r.body.find("topic login") != std::string::npos ? "refund" : "")); });
    desk.addTeacher(server.url());
    lab::CompareJob job;
    job.dataset = desk.dataset.id;
    job.columns = {"logged", "teacher:scripted"};
    job.rows = 30;
    const auto c = lab::compareColumns(desk.workspace, job, "run", {}, {});
    QVERIFY2(c.ok(), c.ok() ? "" : c.error().text().c_str());
    std::int64_t logins = 0, judged = 0;
    for (const auto& row : c->rows) judged += !row.reference.empty(), logins += row.reference == "login";
    QVERIFY(judged > 0);
    QCOMPARE(c->columns[0].right, judged);
    QCOMPARE(c->columns[1].right, judged - logins);
    QVERIFY(!c->columns[0].usdPer1000 && !c->columns[0].p50Ms);          // logged: at no cost, its latency not ours
    QVERIFY(std::abs(*c->columns[1].usdPer1000 - 1000 * (40 * 3 + 3 * 15) / 1e6) < 1e-9);
    QCOMPARE(c->columns[1].timed, std::int64_t(30));
    QCOMPARE(c->pairs.size(), std::size_t(1));
    QCOMPARE(c->pairs[0].onlyFirst, logins);
    QVERIFY(c->pairs[0].interval.low <= c->pairs[0].difference && c->pairs[0].difference <= c->pairs[0].interval.high);
    const auto saved = readJsonFile(desk.workspace.root() / "comparisons" / c->id / "comparison.json");
    QCOMPARE((*saved)["rows_sha256"].get<std::string>(), sha256Hex(*readFile(desk.workspace.root() / "comparisons" / c->id / "rows.jsonl")));
    // Again: out of the cache, so no latency is claimed and nothing is spent.
    const auto again = lab::compareColumns(desk.workspace, job, "run", {}, {});
    QCOMPARE(again->columns[1].timed, std::int64_t(0));
    QVERIFY(!again->columns[1].p50Ms);
    QCOMPARE(again->spent, providers::NanoUsd(0));
    QCOMPARE(again->sha256, c->sha256);
    QCOMPARE(lab::compareJobFromJson(Json{{"dataset", "d"}, {"columns", {"logged"}}}, "t").error().code, std::string("lab.compare.columns"));
    QCOMPARE(lab::compareJobFromJson(Json{{"dataset", "d"}, {"columns", {"logged", "magic"}}}, "t").error().code, std::string("lab.compare.column"));
  }

  void forecastCoversWhatItShould() {
    // Uniform costs: the range of the sum holds the true sum about 95 times in 100.
    Random random(3);
    int held = 0;
    for (int round = 0; round < 400; ++round) {
      std::vector<providers::ProbeRow> probes;
      for (int i = 0; i < 16; ++i) probes.push_back({static_cast<providers::NanoUsd>(1000 + 9000 * random.uniform()), 1});
      double sum = 0;
      for (int i = 0; i < 500; ++i) sum += 1000 + 9000 * random.uniform();
      const auto f = providers::forecastSpending(probes, 500, true, 8);
      held += static_cast<double>(*f.low) <= sum && sum <= static_cast<double>(*f.high);
    }
    QVERIFY2(held >= 365, std::to_string(held).c_str());
  }
};

QTEST_GUILESS_MAIN(TestTeacherAnswers)
#include "tst_teacher_answers.moc"
