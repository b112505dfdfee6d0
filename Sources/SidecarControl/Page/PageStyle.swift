extension StatusPage {
    /// How the page looks: light and dark, from 360 px on.
    static let style = #"""
        :root{color-scheme:light dark;--bg:#f6f7f5;--card:#fff;--ink:#1c2527;--muted:#56636a;--line:#dfe3e1;
        --soft:#eef2f0;
        --accent:#0a6c6b;--good:#1a7343;--warn:#8a5200;--bad:#b0241c;--bar:#8cb9b6;--mark:#fff7e6}
        @media (prefers-color-scheme:dark){:root{--bg:#12171a;--card:#192024;--ink:#e5eaec;--muted:#9fadb3;
        --line:#2b363b;
        --soft:#202a2e;--accent:#63c7c2;--good:#74d19b;--warn:#e5b05a;--bad:#ff9088;--bar:#3f7d7b;--mark:#2a2416}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--bg);color:var(--ink);
        font:15px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif;
        font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
        a{color:var(--accent)}
        .skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem}
        header,main,footer{max-width:74rem;margin:0 auto;padding:0 1.25rem}
        header{padding-top:1.75rem;display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:baseline}
        h1{font-size:1.55rem;font-weight:650;letter-spacing:-.01em;margin:0}
        h2{font-size:1rem;font-weight:650;margin:0 0 .75rem}
        h3{font-size:.95rem;font-weight:600;margin:0}
        header p{margin:0;color:var(--muted)}
        #live{margin-left:auto;font-size:.85rem}
        main{display:grid;gap:1rem;grid-template-columns:repeat(12,minmax(0,1fr));padding-top:1rem;
        padding-bottom:3rem}
        section{grid-column:span 12;background:var(--card);border:1px solid var(--line);border-radius:12px;
        padding:1.1rem 1.25rem}
        @media (min-width:60rem){.half{grid-column:span 6}}
        #attention{border-left:4px solid var(--good)}
        #attention.warn{border-left-color:var(--warn);background:var(--mark)}
        #attention.bad{border-left-color:var(--bad);background:var(--mark)}
        #attention h2{margin:0}
        #attention ul{margin:.5rem 0 0;padding-left:1.1rem}
        dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.15rem 1rem;margin:0}
        dt,.quiet,th{color:var(--muted)}
        dd{margin:0}
        .quiet{margin:0;font-size:.9rem}
        table{border-collapse:collapse;width:100%;font-size:.93rem}
        th,td{text-align:left;padding:.45rem .9rem .45rem 0;border-top:1px solid var(--line);vertical-align:top}
        th{font-weight:500;font-size:.85rem;border-top:0;padding-top:0}
        tr>:last-child{padding-right:0}
        .num{text-align:right;white-space:nowrap}
        code,pre{font:.85rem/1.5 ui-monospace,SFMono-Regular,Menlo,monospace}
        pre{margin:0;max-height:20rem;overflow:auto;background:var(--soft);border-radius:8px;padding:.75rem;
        white-space:pre-wrap}
        .good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}
        #attention.warn,#attention.bad{color:var(--ink)}
        .chip{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 .55rem;font-size:.8rem;
        line-height:1.5;
        white-space:nowrap}
        button,input,select{font:inherit;font-size:.9rem;color:inherit;background:var(--card);
        border:1px solid var(--muted);
        border-radius:8px;padding:.3rem .8rem;min-height:2.1rem}
        button{cursor:pointer}
        button.main{background:var(--accent);border-color:var(--accent);color:var(--card);font-weight:600}
        button.end{color:var(--bad);border-color:var(--bad)}
        button:disabled{opacity:.5;cursor:default}
        :focus-visible{outline:3px solid var(--accent);outline-offset:2px}
        .row{display:flex;flex-wrap:wrap;gap:.5rem .75rem;align-items:center;margin-top:.75rem}
        label{display:inline-flex;gap:.35rem;align-items:center}
        input[type=checkbox]{min-height:0;accent-color:var(--accent)}
        .services{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(19rem,100%),1fr))}
        .service{border:1px solid var(--line);border-radius:10px;padding:.8rem .9rem;min-width:0}
        .service .top{display:flex;gap:.5rem;align-items:baseline;justify-content:space-between;flex-wrap:wrap}
        .service .figures{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;margin:.35rem 0 .5rem;color:var(--muted);
        font-size:.88rem}
        .service .figures b{color:var(--ink);font-weight:600}
        svg{display:block;width:100%;overflow:visible}
        .bars{fill:var(--bar)}.errors{fill:var(--bad)}.axis{stroke:var(--line);stroke-width:1}
        .p95{stroke:var(--warn);fill:none;stroke-width:1.5}.p50{stroke:var(--accent);fill:none;stroke-width:1.5}
        .link{stroke:var(--accent);stroke-width:1.75;fill:none}.link.relay{stroke-dasharray:5 5;stroke:var(--warn)}
        .link.none{stroke:var(--line)}.dot{fill:var(--accent)}.dot.off{fill:var(--line)}.dot.hub{fill:var(--muted)}
        svg text{fill:var(--ink);font-size:13px}svg text.small{fill:var(--muted);font-size:12px}
        .request{border-top:1px solid var(--line);padding:.8rem 0}.request:first-of-type{border-top:0;padding-top:0}
        blockquote{margin:.4rem 0;padding:.3rem .8rem;border-left:3px solid var(--line);color:var(--muted)}
        #audit{margin-top:.75rem}h3+table{margin-top:.5rem}
        .code{width:min(28rem,100%);margin:.6rem 0}.code .paper{fill:#fff}.code .ink{fill:#000}
        #doctor{margin-top:.75rem}
        .told{margin:.6rem 0 0;font-size:.9rem}
        dialog{border:1px solid var(--line);border-radius:12px;background:var(--card);color:var(--ink);
        max-width:28rem}
        dialog::backdrop{background:#0008}
        footer{color:var(--muted);font-size:.85rem;padding-bottom:2rem}
        @media (max-width:40rem){header,main,footer{padding-left:.8rem;padding-right:.8rem}section{padding:.9rem}
        #live{margin-left:0;width:100%}dl{grid-template-columns:1fr}dt{font-size:.85rem;margin-top:.35rem}
        table,tbody,tr,td{display:block}thead{display:none}tr{border-top:1px solid var(--line);padding:.5rem 0}
        tr:first-child{border-top:0}td{border:0;padding:.1rem 0;display:flex;gap:.75rem;justify-content:space-between;
        text-align:right}
        td::before{content:attr(data-label);color:var(--muted);font-size:.85rem;text-align:left;flex:none}
        td>div{min-width:0}td:empty{display:none}.num{white-space:normal}}
        @media (prefers-reduced-motion:no-preference){#live .chip{transition:color .3s}}
        """#
}
