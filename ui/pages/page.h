// What every page is made of: a title row with state and actions, a place for banners, and one of several bodies.
#pragma once
#include <QHBoxLayout>
#include <QPointer>
#include <QStackedWidget>
#include <QVBoxLayout>
#include <QWidget>

#include "ui/models/session.h"
#include "ui/widgets/banner.h"
#include "ui/widgets/controls.h"

namespace retort::ui {

class Page : public QWidget {
  Q_OBJECT
 public:
  /// `objectName` is the page's name in the rail and in navigate(): "logs", "runs" …
  Page(Session* session, const QString& objectName, const QString& title, QWidget* parent);
  /// Shows one thing of the page (a run's id, a report's id, a filter); empty for the page itself.
  virtual void open(const QString& argument) { Q_UNUSED(argument); }
  [[nodiscard]] Banner* banner() const { return m_banner; }
  /// Puts the keys where the page wants them first. (A focus proxy would do so too, but Tab would then skip what stands before it.)
  void takeFocus();

 Q_SIGNALS:
  /// Asks the window to show another page.
  void navigate(const QString& page, const QString& argument);

 protected:
  [[nodiscard]] Session* session() const { return m_session; }
  void setFirstFocus(QWidget* widget) { m_first = widget; }
  void setState(const QString& text) { m_state->setText(text); }
  void setTitle(const QString& text) { m_title->setText(text); }
  /// Adds a button at the right end of the title row.
  void addAction(QWidget* widget) { m_actions->addWidget(widget); }
  [[nodiscard]] QHBoxLayout* leading() const { return m_leading; }   ///< before the title (a way back)
  /// Adds a body; setBody() chooses.
  void addBody(QWidget* body) { m_bodies->addWidget(body); }
  void setBody(QWidget* body);
  [[nodiscard]] QVBoxLayout* column() const { return m_column; }

 private:
  Session* m_session;
  QVBoxLayout* m_column;
  PlainLabel *m_title, *m_state;
  QHBoxLayout *m_actions, *m_leading;
  Banner* m_banner;
  QStackedWidget* m_bodies;
  QPointer<QWidget> m_first;
};

/// Grey blocks in the shape of a table while its first rows are awaited.
class Skeleton : public QWidget {
  Q_OBJECT
 public:
  explicit Skeleton(QWidget* parent = nullptr);

 protected:
  void paintEvent(QPaintEvent* event) override;
};

}  // namespace retort::ui
