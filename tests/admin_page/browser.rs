//! A real browser without a window, through chromedriver.
//!
//! Owns: the two processes, and how a test waits: on a condition within the page, with a limit. Never: sleeps, or leaves a
//! browser behind.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities as _;
use thirtyfour::prelude::*;
use thirtyfour::{ChromeCapabilities, LoggingPrefsLogLevel, TimeoutConfiguration};
use tokio::runtime::Runtime;

/// Longer than anything here takes, so that a test fails and does not hang.
const PATIENCE: Duration = Duration::from_secs(180);

/// Nothing of what a browser does by itself, and nothing from outside. Without a sandbox, for as root it begins with none;
/// it opens only our own page.
const ARGUMENTS: [&str; 12] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    "--force-color-profile=srgb",
];

/// Two at a time would be slow on a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Has `test` use a page of a browser. Where there is none it says so, past the capture of the test runner, and passes.
pub(crate) fn browse(name: &str, test: impl AsyncFnOnce(&Page)) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(browser) = Browser::start() else {
        let how = "Debian: apt-get install chromium chromium-driver, or tests/run --install";
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {name}: there is no chromedriver with a Chromium on this machine ({how})"
        );
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let page = runtime.block_on(browser.page());
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test(&page))));
    if outcome.is_err() {
        let left = runtime.block_on(page.evidence(name));
        let _ = writeln!(std::io::stderr(), "{left}");
    }
    page.close(&runtime);
    drop(browser);
    outcome.unwrap_or_else(|panic| resume_unwind(panic));
}

/// chromedriver; ends when it is dropped.
struct Browser {
    driver: Child,
    /// It says little, and nothing that it waits for somebody to read; closed, it would end.
    _told: Lines<BufReader<ChildStdout>>,
    port: u16,
    profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    fn start() -> Option<Self> {
        let has = |name: &str| {
            Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status()
        };
        let browsers = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
        if !browsers.iter().any(|name| has(name).is_ok_and(|status| status.success())) {
            return None;
        }
        // It takes a port that is free for one family of addresses, and gives up when it is not for the other.
        for _ in 0..5 {
            match Self::try_start() {
                Err(_) => return None,
                Ok(None) => {}
                Ok(started) => return started,
            }
        }
        panic!("chromedriver gave up five times");
    }

    /// `Err`: it is not on this machine. `None`: it gave up.
    fn try_start() -> Result<Option<Self>, std::io::Error> {
        let started =
            Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut driver = started?;
        let mut lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let Some(port) = port else {
            driver.wait()?;
            return Ok(None);
        };
        let profile = tempfile::tempdir().expect("a folder for the profile");
        Ok(Some(Self { driver, _told: lines, port, profile }))
    }

    async fn page(&self) -> Page {
        let mut wanted = ChromeCapabilities::new();
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        for argument in ARGUMENTS.into_iter().chain([profile.as_str()]) {
            wanted.add_arg(argument).expect("an argument");
        }
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All).expect("a level");
        let address = format!("http://127.0.0.1:{}", self.port);
        let asked = WebDriver::builder(address, wanted).request_timeout(PATIENCE * 2);
        let driver = asked.connect().await.expect("chromedriver starts a Chromium");
        let limits = TimeoutConfiguration::new(Some(PATIENCE), Some(PATIENCE), None);
        driver.update_timeouts(limits).await.expect("limits");
        let page = Page { driver, log: Arc::default() };
        page.size(1440, 900, false).await;
        page
    }
}

/// The page as somebody at the browser sees it.
pub(crate) struct Page {
    pub(crate) driver: WebDriver,
    /// What the browser complained about so far.
    log: Arc<Mutex<Vec<String>>>,
}

impl Page {
    fn close(self, runtime: &Runtime) {
        let _ = runtime.block_on(self.driver.quit());
    }

    pub(crate) async fn open(&self, url: &str) {
        self.driver.goto(url).await.expect("the page loads");
    }

    /// What the script returns.
    pub(crate) async fn read(&self, script: &str) -> Value {
        let answer = self.driver.execute(script, Vec::new()).await;
        answer.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    /// Waits, looking at each frame that is drawn, until `condition` holds within the page.
    pub(crate) async fn until(&self, condition: &str) {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             const look = () => (({condition}) ? done(true) : requestAnimationFrame(look));
             look();"
        );
        let held = self.driver.execute_async(script, Vec::new()).await;
        if let Err(error) = held {
            panic!("it never came that {condition}: {error}");
        }
    }

    /// Waits until `selector` is seen with `words` in it.
    pub(crate) async fn until_says(&self, selector: &str, words: &str) {
        let (selector, words) = (json!(selector), json!(words));
        let found = format!("[...document.querySelectorAll({selector})]");
        self.until(&format!(
            "{found}.some((each) => each.checkVisibility() && each.innerText.includes({words}))"
        ))
        .await;
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        let text = self.read(&format!("return document.querySelector({}).innerText", json!(selector))).await;
        text.as_str().expect("a text").to_owned()
    }

    pub(crate) async fn click(&self, selector: &str) {
        let found = self.driver.query(By::Css(selector)).and_clickable().first().await;
        let element = found.unwrap_or_else(|error| panic!("{selector}: {error}"));
        element.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Puts `text` in place of what stands in an input.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let found = self.driver.query(By::Css(selector)).and_displayed().first().await;
        let element = found.unwrap_or_else(|error| panic!("{selector}: {error}"));
        element.clear().await.expect("an input");
        element.send_keys(text).await.expect("an input");
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: impl Into<TypingData>) {
        let chain = self.driver.action_chain().send_keys(keys);
        chain.perform().await.expect("keys are pressed");
    }

    /// What has the focus, in short.
    pub(crate) async fn focus(&self) -> String {
        let script = "const { id, className, tagName, textContent } = document.activeElement;
                      return id || className || `${tagName} ${textContent.trim().slice(0, 40)}`";
        self.read(script).await.as_str().expect("a text").to_owned()
    }

    /// Has the window measure so much, in light or dark.
    pub(crate) async fn size(&self, width: u32, height: u32, dark: bool) {
        let measures = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", measures).await;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    pub(crate) async fn devtools(&self, method: &str, parameters: Value) -> Value {
        let answer = self.driver.cdp().send_raw(method, parameters).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Has the next pages get `body` in place of what the host answers at `path`.
    pub(crate) async fn answer_with(&self, path: &str, body: &str) {
        let (path, body) = (json!(path), json!(body));
        let source = format!(
            "const ask = window.fetch;
             window.fetch = (path, ...more) => (path === {path}
                 ? Promise.resolve(new Response({body}, {{ headers: {{ 'Content-Type': 'application/json' }} }}))
                 : ask(path, ...more));"
        );
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    }

    /// A picture of the whole page, in `target/admin-page/NAME.png`.
    pub(crate) async fn picture(&self, name: &str, width: u32, dark: bool) -> PathBuf {
        self.size(width, 900, dark).await;
        let height =
            self.read("return document.documentElement.scrollHeight").await.as_u64().expect("a height");
        self.size(width, u32::try_from(height.clamp(600, 8_000)).expect("a height"), dark).await;
        // Charts are drawn anew when their size has changed; two frames later they are.
        let drawn = "const done = arguments[arguments.length - 1];
                     requestAnimationFrame(() => requestAnimationFrame(() => done(true)));";
        self.driver.execute_async(drawn, Vec::new()).await.expect("frames are drawn");
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("../admin-page");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        let file = folder.join(format!("{name}.png"));
        self.driver.screenshot(&file).await.expect("a picture");
        file
    }

    /// What the browser complained about since the test began: errors and warnings of scripts, of the network and of the
    /// policy for contents.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let told = self.driver.browser_log().await.expect("chromedriver keeps a log");
        let bad = told.into_iter().filter(|entry| matches!(entry.level.as_str(), "SEVERE" | "WARNING"));
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend(bad.map(|entry| entry.message));
        log.clone()
    }

    /// What a person would want to see of a test that failed.
    async fn evidence(&self, name: &str) -> String {
        let mut left = String::new();
        if let Ok(entries) = self.driver.browser_log().await {
            for entry in entries {
                let _ = writeln!(left, "browser: {} {}", entry.level, entry.message);
            }
        }
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-failed.png"));
        if self.driver.screenshot(&file).await.is_ok() {
            let _ = write!(left, "picture: {}", file.display());
        }
        left
    }
}
